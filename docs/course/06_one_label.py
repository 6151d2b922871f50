# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 6. One label for many steps
#
# **N-vs-1**: many steps are read, one answer is given. A beat is normal or ventricular; a strip is in atrial fibrillation or
# not. The only new part is how a sequence of states becomes one vector.

# %%
import numpy as np
import torch
from figures import curves, say, strip, table
from torch import nn

import ecgrnn
from ecgrnn.metrics.classification import accuracy, class_scores, confusion_matrix
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.options.choices import Pooling

FS, BEFORE, AFTER = 125.0, 32, 48  # a beat: 0.26 s before its R peak to 0.38 s behind


def beats_of(patients):
    """Give windows of beats (beat, time, lead), whether each is ventricular, and whose it is."""
    windows, labels, owners = [], [], []
    for patient in patients:
        record = ecgrnn.simulate_record(patient, seed=11, duration_s=60.0, fs_hz=FS)
        signal = record.signal - np.median(record.signal, axis=0)
        for sample, symbol in zip(record.beat_samples, record.beat_symbols, strict=True):
            if BEFORE <= sample <= len(signal) - AFTER:
                windows.append(signal[sample - BEFORE : sample + AFTER])
                labels.append(symbol == "V")
                owners.append(patient)
    return torch.from_numpy(np.stack(windows)), torch.tensor(labels).long(), np.array(owners)


x, label, _ = beats_of(range(1, 21))
x_test, label_test, owner_test = beats_of(range(21, 41))
say(
    f"{len(x):,} beats of 20 patients to train on, {100 * label.float().mean():.1f} % of them ventricular; "
    f"{len(x_test):,} beats of 20 other patients to test on."
)

# %% [markdown]
# ## From states to one vector
#
# ```text
# x_1 -> x_2 -> ... -> x_N            p = last   h_N
#  |      |             |                 mean   (h_1 + ... + h_N) / N
# h_1 -> h_2 -> ... -> h_N                max    the largest value of each feature
#  +------+---- p ------+                 attention   a mean with learned weights
#               |
#               y
# ```
#
# The last state must carry everything to the end; a mean lets every step speak; a maximum asks whether something was seen
# anywhere. The package's `Classifier` has all of them:


# %%
def train(pooling, *, steps=120):
    """Train on beats of the first patients; give the network and its loss at every step."""
    torch.manual_seed(0)
    encoder = FrameEncoder(2, 8, cell=ecgrnn.Cell.gru, hidden_size=16)
    network = Classifier(encoder, 2, pooling=pooling, head_size=16)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    generator, losses = torch.Generator().manual_seed(0), []
    for _ in range(steps):
        rows = torch.randint(len(x), (64,), generator=generator)
        loss = nn.functional.cross_entropy(network(x[rows]), label[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network.eval(), losses


def tested(network):
    """Count test beats by true and found class."""
    with torch.no_grad():
        found = network(x_test).argmax(dim=-1)
    return confusion_matrix(label_test.numpy(), found.numpy(), n_classes=2)


trained = {
    pooling.value: train(pooling) for pooling in (Pooling.last, Pooling.mean, Pooling.max, Pooling.attention)
}
curves(
    {name: np.convolve(losses, np.ones(10) / 10, "valid") for name, (_, losses) in trained.items()},
    x="training step",
    y="loss",
    y_range=(0, 0.7),
    caption="Loss, mean of ten steps.",
)

# %%
matrices = {name: tested(network) for name, (network, _) in trained.items()}
never = np.array([[int((label_test == 0).sum()), 0], [int((label_test == 1).sum()), 0]])
rows = []
for name, matrix in {"never ventricular": never, **matrices}.items():
    V = class_scores(matrix)[1]
    se, pp, f1 = (f"{100 * value:.1f} %" for value in (V.sensitivity, V.positive_predictivity, V.f1))
    rows.append([name, f"{100 * accuracy(matrix):.1f} %", se, pp, f1])
table(["pooling", "accuracy", "V sensitivity", "V positive predictivity", "V F1"], rows)

# %% [markdown]
# The first row is worth a minute. A program that never finds anything has a high **accuracy**, because most beats are
# normal; its positive predictivity is not a number (`nan`), since it never said V. Read the figures of the rare class.
#
# ## Look at it
#
# Every figure hides beats. Those of one test patient, reference above, network below:

# %%
network = trained["mean"][0]
patient = 23
record = ecgrnn.simulate_record(patient, seed=11, duration_s=60.0, fs_hz=FS)
shown = [
    (float(sample) / FS, symbol)
    for sample, symbol in zip(record.beat_samples, record.beat_symbols, strict=True)
    if BEFORE <= sample <= len(record.signal) - AFTER
]
with torch.no_grad():
    found = network(x_test[owner_test == patient]).argmax(dim=-1).tolist()
first = next(k for k, (_, symbol) in enumerate(shown) if symbol == "V")
start_s = max(0.0, shown[first][0] - 3)
marks = [
    (time_s, "V" if symbol == "V" else "-", "V" if is_v else "-")
    for (time_s, symbol), is_v in zip(shown, found, strict=True)
    if start_s <= time_s < start_s + 8
]
strip(
    record.signal[int(start_s * FS) : int((start_s + 8) * FS)],
    fs_hz=FS,
    leads=record.leads,
    beats=marks,
    start_s=start_s,
    caption=f"Patient {patient}, {record.kind}. V: ventricular, -: any other beat.",
)

# %% [markdown]
# ## A strip
#
# The same network reads whatever comes in steps. Atrial fibrillation is an irregularly irregular rhythm: let a step be one
# RR interval, given by its change from the one before, and the sequence a strip of 20 s. Strips have as many steps as they
# have beats, so **lengths** go along.


# %%
def strips_of(patients):
    """Give changes of log RR (strip, interval, 1), padded with zeros, their number, and whether it is AF throughout."""
    rows, af = [], []
    for patient in patients:
        record = ecgrnn.simulate_record(patient, seed=11, duration_s=120.0, fs_hz=FS)
        onset, notes = record.rhythm_samples, np.array(record.rhythm_notes)
        for start in range(0, len(record.signal), int(20 * FS)):
            beats = record.beat_samples[
                (record.beat_samples >= start) & (record.beat_samples < start + 20 * FS)
            ]
            kinds = set(notes[np.searchsorted(onset, beats, side="right") - 1])
            if "(AFIB" not in kinds or kinds == {"(AFIB"}:
                rows.append(torch.from_numpy(5 * np.diff(np.log(np.diff(beats)))).float())
                af.append(kinds == {"(AFIB"})
    lengths = torch.tensor([len(row) for row in rows])
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)[..., None], lengths, torch.tensor(af).long()


rr, lengths, af = strips_of(range(1, 81))
rr_test, lengths_test, af_test = strips_of(range(81, 121))
torch.manual_seed(0)
encoder = FrameEncoder(1, 1, cell=ecgrnn.Cell.gru, hidden_size=16, bidirectional=True)
rhythm = Classifier(encoder, 2, pooling=Pooling.mean, head_size=16)
optimizer = torch.optim.Adam(rhythm.parameters(), lr=1e-2)
for _ in range(250):
    rows = torch.randint(len(rr), (32,))
    loss = nn.functional.cross_entropy(
        rhythm(rr[rows], lengths[rows]), af[rows], weight=torch.tensor([1.0, 3.0])
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    found = rhythm(rr_test, lengths_test).argmax(dim=-1)
matrix = confusion_matrix(af_test.numpy(), found.numpy(), n_classes=2)
AF = class_scores(matrix)[1]
say(
    f"{len(rr_test)} strips of 40 new patients, {AF.support} in atrial fibrillation: sensitivity "
    f"{100 * AF.sensitivity:.0f} %, positive predictivity {100 * AF.positive_predictivity:.0f} %."
)

# %% [markdown]
# Classes of a strip often go together (an infarction *and* a block). Then each class has its own yes or no: a sigmoid instead
# of a softmax (`task=superclass`). Everything else stays.
#
# ## Exercise
#
# The windows begin 0.26 s before R. Move the test windows by 40 ms, as if a detector placed its beats late, and score
# again. Which pooling suffers least, and what would you do about it in training?

# %% tags=["solution"]
moved = torch.roll(x_test, -5, dims=1)
rows = []
for name, (network, _) in trained.items():
    with torch.no_grad():
        found = network(moved).argmax(dim=-1)
    after = class_scores(confusion_matrix(label_test.numpy(), found.numpy(), n_classes=2))[1].f1
    rows.append([name, f"{100 * class_scores(matrices[name])[1].f1:.1f} %", f"{100 * after:.1f} %"])
print("in training: move each window at random, as ecgrnn does (task.augmentation.shift_s)")
table(["pooling", "V F1", "V F1, 40 ms late"], rows)
