# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 8. A signal from a label
#
# **1-vs-N**: one class goes in, a signal comes out. Nothing is read at the steps; the state must keep time by itself. It is
# chapter 6 turned round, and the first network here that *writes*.

# %%
import numpy as np
import torch
from figures import curves, say, table
from torch import nn

import ecgrnn
from ecgrnn.networks.generator import Generator
from ecgrnn.options.choices import Place

FS, BEFORE, AFTER = 125.0, 32, 48
CLASSES = ("N", "S", "V")


def beats_of(patients):
    """Give windows of beats (beat, time, 1) of the first lead, and their classes."""
    windows, labels = [], []
    for patient in patients:
        record = ecgrnn.simulate_record(patient, seed=11, duration_s=60.0, fs_hz=FS)
        signal = record.signal[:, :1] - np.median(record.signal[:, :1])
        for sample, symbol in zip(record.beat_samples, record.beat_symbols, strict=True):
            if symbol in CLASSES and BEFORE <= sample <= len(signal) - AFTER:
                windows.append(signal[sample - BEFORE : sample + AFTER])
                labels.append(CLASSES.index(symbol))
    return torch.from_numpy(np.stack(windows)), torch.tensor(labels)


x, label = beats_of(range(1, 31))
x_test, label_test = beats_of(range(31, 41))
say(", ".join(f"{(label == k).sum():,} beats {name}" for k, name in enumerate(CLASSES)) + " of 30 patients.")

# %% [markdown]
# ## Where the class enters
#
# ```text
# first                               every
#
# f_1     f_2     f_3                 f_1     f_2     f_3         frames of the signal
#  ^       ^       ^                   ^       ^       ^
# h_1 --> h_2 --> h_3                 h_1 --> h_2 --> h_3
#  ^       ^       ^                   ^       ^       ^
#  v       0       0                   v       v       v          v = e(class)
# ```
#
# With *first* the class is said once, and the state has to keep it along with the clock. With *every* it is said again at each
# step. The class is not a number, so it enters as a learned vector, an *embedding*.


# %%
def train(place, *, frame=8, steps=300, seed=0):
    """Train a generator by the squared error; classes equally often."""
    torch.manual_seed(seed)
    network = Generator(3, 1, frame=frame, cell=ecgrnn.Cell.gru, hidden_size=32, place=place)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    of_class = [(label == k).nonzero()[:, 0] for k in range(3)]
    losses = []
    for _ in range(steps):
        rows = torch.cat([rows[torch.randint(len(rows), (16,))] for rows in of_class])
        loss = nn.functional.mse_loss(network(label[rows], BEFORE + AFTER), x[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return network.eval(), losses


first, losses_first = train(Place.first)
every, losses_every = train(Place.every)
smooth = {
    name: np.convolve(one, np.ones(10) / 10, "valid")
    for name, one in (("first", losses_first), ("every", losses_every))
}
curves(smooth, x="training step", y="squared error, mV squared", caption="Mean of ten steps.")

# %% [markdown]
# ## Drawn
#
# What should a network draw that knows nothing but the class? The squared error has one best answer: the **mean beat** of the
# class. That is what it learns, and all it can learn:

# %%
with torch.no_grad():
    drawn = every(torch.arange(3), BEFORE + AFTER)[..., 0]
ms = (np.arange(BEFORE + AFTER) - BEFORE) / FS * 1000
figure = None
for k, name in enumerate(CLASSES):
    one = curves(
        {"drawn": (ms, drawn[k]), "mean of the training beats": (ms, x[label == k].mean(dim=0)[:, 0])},
        x="ms from R",
        y="mV",
        y_range=(-1.2, 1.6),
        caption=f"Class {name}",
    )
    figure = one if figure is None else figure + one
figure

# %% [markdown]
# ## How good is a drawn beat?
#
# Compare it with beats of patients that were not trained on: which share of their power does it explain? The mean beat of
# the training patients is the measure to beat, and it cannot be beaten by much: patients differ.


# %%
def explained(beat, k):
    """Give the share of the power of test beats of class k that a beat explains."""
    true = x_test[label_test == k][..., 0]
    return float(1 - (true - beat).square().sum() / true.square().sum())


with torch.no_grad():
    by_first = first(torch.arange(3), BEFORE + AFTER)[..., 0]
rows = [
    [
        name,
        *(
            f"{100 * explained(beat, k):.0f} %"
            for beat in (by_first[k], drawn[k], x[label == k].mean(dim=0)[:, 0])
        ),
    ]
    for k, name in enumerate(CLASSES)
]
table(["class", "first", "every", "mean training beat"], rows)

# %% [markdown]
# Ventricular beats of different patients come from different places of the ventricles and look accordingly: a mean of them
# explains little of any. A drawn beat is an illustration of a class, not a patient.
#
# ## Beats that differ
#
# To draw *different* beats the network needs something to differ by: noise beside the class, or a spread about each
# sample. `task=generate` learns a mean and a standard deviation for every sample (a Gaussian likelihood), so that it also says where
# beats of a class vary:

# %%
torch.manual_seed(0)
network = Generator(3, 1, frame=8, cell=ecgrnn.Cell.gru, hidden_size=32, place=Place.every, spread=True)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
for _ in range(200):
    rows = torch.randint(len(x), (64,))
    mean, log_s = network.distribution(label[rows], BEFORE + AFTER)
    loss = ((x[rows] - mean).square() / (2 * (2 * log_s).exp()) + log_s).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
with torch.no_grad():
    mean, log_s = (part[0, :, 0] for part in network.distribution(torch.tensor([0]), BEFORE + AFTER))
truth = x[label == 0][..., 0]
curves(
    {"learned": (ms, log_s.exp()), "measured on the training beats": (ms, truth.std(dim=0))},
    x="ms from R",
    y="standard deviation, mV",
    caption="Class N: beats of different patients differ most in the QRS complex.",
)

# %% [markdown]
# The samples are drawn one by one, so a beat drawn with spread is the mean with noise on it; that neighbours deviate
# *together* is not in this likelihood.
#
# ## Exercise
#
# A longer signal begins with the shorter one. Let the network draw 2 s instead of 0.64 s. What does it do where it was never
# trained, and why does it not draw a second beat?

# %% tags=["solution"]
with torch.no_grad():
    longer = every(torch.tensor([0]), 250)[0, :, 0]
print(f"the first 0.64 s are the same: {bool(torch.allclose(longer[: BEFORE + AFTER], drawn[0], atol=1e-6))}")
print(
    f"largest amplitude in the first 0.64 s {longer[:80].abs().max():.2f} mV, in the last second {longer[125:].abs().max():.2f} mV"
)
print(
    "no window of the training had a second beat: the state runs on into a place that it has never been corrected in"
)
curves({"drawn": (np.arange(250) / FS, longer)}, x="s", y="mV")
