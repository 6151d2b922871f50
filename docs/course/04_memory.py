# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 4. Why gradients vanish
#
# A network that is to use what happened two seconds ago must be *told* by the gradient that it mattered. Chapter 3 showed
# the way this news takes: one factor for every step. Here the factors are measured on an ECG; then come the cells that
# were made because of them.

# %%
import time

import numpy as np
import torch
from figures import curves, say, strip, table
from torch import nn

import ecgrnn
from ecgrnn.nn.cells import gru, lstm, min_gru

FRAME, SIZE, HIDDEN, STEPS = 4, 8, 32, 125  # 32 ms of two leads at 125 Hz; 4 s
frame_s = FRAME / 125


def windows(patients):
    """Give windows of 4 s as frames, (window, step, input), of simulated patients."""
    found = []
    for patient in patients:
        record = ecgrnn.simulate_record(patient, seed=11, duration_s=60.0, fs_hz=125.0)
        signal = record.signal - np.median(record.signal, axis=0)
        found.append(signal.reshape(15, STEPS, SIZE))
    return torch.from_numpy(np.concatenate(found))


train, test = windows(range(1, 21)), windows(range(21, 31))
strip(
    train[0].reshape(-1, 2).numpy(), fs_hz=125.0, leads=("I", "II"), caption="One window: 125 steps of 32 ms."
)

# %% [markdown]
# ## Measured
#
# How much does the last state change if step $t$ had been a little different? That is the gradient of the last state with
# respect to $x_t$. Freshly made cells, the same windows, against how long ago the step was:


# %%
def influence(cell, change=None):
    """Give the size of the gradient of the last state with respect to each step, the last step as 1."""
    torch.manual_seed(0)
    stack = ecgrnn.recurrence(cell, SIZE, hidden_size=HIDDEN).double()
    if change is not None:
        change(stack.layers)
    x = train[:64].double().requires_grad_()
    y, _ = stack(x)
    direction = torch.randn(64, HIDDEN, generator=torch.Generator().manual_seed(1))
    (y[:, -1] * direction).sum().backward()
    size = x.grad.norm(dim=-1).mean(dim=0)
    return (size / size[-1]).flip(0)


tanh = influence(ecgrnn.Cell.rnn_tanh)
ago_s = np.arange(STEPS) * frame_s
curves(
    {"tanh": (ago_s, tanh.log10())},
    x="s before the last step",
    y="log10 of the gradient",
    caption="A straight line on this scale: a factor a step.",
)

# %%
factor = float((tanh[20] / tanh[0]) ** (1 / 20))
say(
    f"Each step multiplies the gradient by about {factor:.2f}. Over one beat of 0.8 s ({0.8 / frame_s:.0f} steps) that is "
    f"{factor ** (0.8 / frame_s):.0e}: of a P wave a beat ago nothing reaches the weights."
)

# %% [markdown]
# The factor is a matrix: $W_{hh}^\top \mathrm{diag}(1 - h_t^2)$. Its second part is at most 1, and small wherever tanh is
# flat. Its first part can be scaled. Is a larger $W_{hh}$ the cure?


# %%
def with_radius(radius):
    """Make a function that scales the matrix of the state to a spectral radius."""

    @torch.no_grad()
    def change(layers):
        layers.weight_hh_l0 *= radius / torch.linalg.eigvals(layers.weight_hh_l0).abs().max()

    return change


named = {f"radius {r}": influence(ecgrnn.Cell.rnn_tanh, with_radius(r)) for r in (0.5, 1.0, 1.5, 2.5)}
curves(
    {name: (ago_s, value.log10()) for name, value in named.items()},
    x="s before the last step",
    y="log10 of the gradient",
    caption="Spectral radius of the matrix of the state: from vanishing to exploding.",
)

# %% [markdown]
# Too small, and the past vanishes; too large, and the gradient explodes or turns chaotic, and no value holds over a
# training. Hochreiter (1991) and Bengio, Simard and Frasconi ([1994](https://doi.org/10.1109/72.279181)) described it. The
# exploding half is cut off in practice (`trainer.gradient_clip_val`); against the vanishing half another cell is needed.
#
# ## LSTM: a sum instead of a product
#
# The long short-term memory has a second state $c$ that is *added to*:
#
# $$c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad h_t = o_t \odot \tanh c_t$$
#
# The way back through $c$ is a multiplication by the forget gate $f_t$, a number between 0 and 1 that the network chooses,
# for each feature, at each step. With $f = 1$ nothing is lost. One step, from `ecgrnn/nn/cells.py`:

# %%
import inspect

print(inspect.getsource(lstm).split('"""')[2].rstrip())

# %% [markdown]
# ## GRU: a mean of old and new
#
# The gated recurrent unit needs one state. Its gate $z$ keeps a share of it and fills the rest with a candidate:
#
# $$h_t = z_t \odot h_{t-1} + (1 - z_t) \odot n_t$$

# %%
print(inspect.getsource(gru).split('"""')[2].rstrip())


# %%
@torch.no_grad()
def remember(layers):
    """Let the gates begin nearly open: add 4 to the biases of the gate that keeps, the second block of both cells."""
    layers.bias_ih_l0[HIDDEN : 2 * HIDDEN] += 4


named = {
    "tanh": tanh,
    "GRU": influence(ecgrnn.Cell.gru),
    "LSTM": influence(ecgrnn.Cell.lstm),
    "GRU, bias + 4": influence(ecgrnn.Cell.gru, remember),
    "LSTM, bias + 4": influence(ecgrnn.Cell.lstm, remember),
}
curves(
    {name: (ago_s, value.log10()) for name, value in named.items()},
    x="s before the last step",
    y="log10 of the gradient",
    caption="Untrained cells. Gates that begin half open forget too; nearly open (bias + 4), they remember.",
)

# %% [markdown]
# ## Does it matter for learning?
#
# A test of memory on ECG. Half of the windows get a pulse of 0.3 mV, as high as a T wave, in their first
# 0.1 s; later the network is asked: was there one? All it may use is its last state. Patients of the test are not
# those of the training.


# %%
def task(x, generator):
    """Begin half of the windows with a pulse of 0.3 mV."""
    label = torch.rand(len(x), generator=generator) < 0.5
    x = x.clone()
    x[label, :3] += 0.3
    return x, label.float()


def learn(cell, change=None, *, after, steps=80):
    """Train on windows of `after` steps; give the share of test windows that is answered right."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    stack, head = ecgrnn.recurrence(cell, SIZE, hidden_size=HIDDEN), nn.Linear(HIDDEN, 1)
    if change is not None:
        change(stack.layers)
    parameters = [*stack.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(steps):
        x, label = task(train[torch.randint(len(train), (32,), generator=generator)], generator)
        logit = head(stack(x[:, :after])[0][:, -1]).squeeze(-1)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(logit, label).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    x, label = task(test, generator)
    with torch.no_grad():
        logit = head(stack(x[:, :after])[0][:, -1]).squeeze(-1)
    return float(((logit > 0) == label.bool()).float().mean())


rows = []
for name, cell, change in (
    ("tanh", ecgrnn.Cell.rnn_tanh, None),
    ("LSTM", ecgrnn.Cell.lstm, None),
    ("GRU, bias + 4", ecgrnn.Cell.gru, remember),
    ("LSTM, bias + 4", ecgrnn.Cell.lstm, remember),
):
    scores = [learn(cell, change, after=after) for after in (3, 31, 94)]
    rows.append([name, *(f"{100 * score:.0f} %" for score in scores)])
table(["cell", "asked at once", "after 1 s", "after 3 s"], rows)

# %% [markdown]
# 50 % is guessing. The same number of training steps, the same data: what differs is whether the news of the first
# 0.1 s arrives. Asked at once, every cell learns it, so none lacks the means. An open gate is not open for ever either: how
# long it holds is the exercise.
#
# ## Cells without a loop
#
# In the GRU the gates read the state, so step $t$ must wait for step $t-1$. The *minimal* cells
# ([Feng et al., 2024](https://arxiv.org/abs/2410.01201)) let the gates read the input only:

# %%
print(inspect.getsource(min_gru).split('"""')[2].rstrip())

# %% [markdown]
# Then $h_t = a_t \odot h_{t-1} + b_t$ with $a_t$ and $b_t$ known beforehand for all steps. Two such steps are one step of
# the same kind:
#
# $$h_{t+1} = (a_{t+1} a_t) \odot h_{t-1} + (a_{t+1} b_t + b_{t+1})$$
#
# so that steps can be joined in any order, many at a time: a *scan* (`ecgrnn/nn/scan.py`). The same numbers as by the loop:

# %%
from ecgrnn.nn.scan import linear_scan

a, b = torch.rand(1, 2000, 16), torch.randn(1, 2000, 16)
start = time.perf_counter()
h, states = torch.zeros(1, 16), []
for t in range(2000):
    h = a[:, t] * h + b[:, t]
    states.append(h)
loop_s = time.perf_counter() - start
start = time.perf_counter()
scanned = linear_scan(a, b, torch.zeros(1, 16))
scan_s = time.perf_counter() - start
say(
    f"2,000 steps: largest difference {(scanned - torch.stack(states, dim=1)).abs().max():.0e}; "
    f"the scan took {1000 * scan_s:.1f} ms, the loop {1000 * loop_s:.0f} ms on this machine."
)

# %% [markdown]
# The price: what a minimal cell writes cannot depend on what it remembers. Layers on top of each other give some of that
# back.
#
# ## Exercise
#
# `remember` adds 4 to a bias. Which share of $c$ is left after one second if the gate is $\sigma(0)$, $\sigma(2)$,
# $\sigma(4)$ throughout? Which bias keeps half of it over the four seconds of a window?

# %% tags=["solution"]
per_second = 1 / frame_s
for bias in (0, 2, 4):
    gate = 1 / (1 + np.exp(-bias))
    print(f"bias {bias}: gate {gate:.3f}, after one second {gate**per_second:.1e} of c is left")
gate = 0.5 ** (1 / STEPS)
print(
    f"half is left after {STEPS} steps with a gate of {gate:.4f}, a bias of {np.log(gate / (1 - gate)):.1f}"
)
