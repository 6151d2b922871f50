# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 2. Many steps
#
# One cell, one step, one state. A network is made of it in three ways: the step is repeated along the sequence
# (*unrolled*), layers are put on top of each other (*stacked*), and a second cell reads from the other end (*both
# directions*). None of them needs a new equation.

# %%
import torch
from figures import say, strip, table

import ecgrnn
from ecgrnn.nn.cells import weights_of
from ecgrnn.nn.recurrence import unroll

torch.manual_seed(0)
record = ecgrnn.simulate_record(5, seed=7, duration_s=10.0, fs_hz=250.0)
frame = 8
signal = torch.from_numpy(record.signal[:2000])
x = signal.reshape(1, -1, frame * 2)  # (batch, time, input): 8 s in steps of 32 ms
print("x", tuple(x.shape))
strip(record.signal[:1000], fs_hz=record.fs_hz, leads=record.leads, caption="Four of the eight seconds.")

# %% [markdown]
# ## Unrolled
#
# The same cell, with the same weights, at every step:
#
# ```text
#        x_1             x_2                     x_T
#         |               |                       |
# h_0 -> cell --- h_1 -> cell --- h_2 -> ... --> cell --- h_T
# ```
#
# A sequence twice as long needs no further weight. As a loop, with torch's weights but none of its layers:

# %%
layer = torch.nn.RNN(input_size=16, hidden_size=5, batch_first=True)
W_ih, W_hh, b_ih, b_hh = layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0

h = torch.zeros(1, 5)
outputs = []
for t in range(x.shape[1]):
    h = torch.tanh(x[:, t] @ W_ih.T + b_ih + h @ W_hh.T + b_hh)
    outputs.append(h)
outputs = torch.stack(outputs, dim=1)

y, h_n = layer(x)
say(
    f"The loop and `torch.nn.RNN` differ by at most {(outputs - y).abs().max():.0e}: rounding of single precision. "
    f"`output` is {tuple(y.shape)}, the state at every step; `h_n` is {tuple(h_n.shape)}, the state after the last."
)

# %% [markdown]
# So the last output *is* the last state:

# %%
bool((y[:, -1] == h_n[0]).all())

# %% [markdown]
# ## Stacked
#
# The second layer reads what the first one gives out. Its input has the size of the first layer's state:
#
# ```text
# layer 1   o --> o --> o --> o      y = its states
#           ^     ^     ^     ^
# layer 0   o --> o --> o --> o
#           ^     ^     ^     ^
#          x_1   x_2   x_3   x_4
# ```

# %%
stacked = torch.nn.RNN(input_size=16, hidden_size=5, num_layers=2, batch_first=True)
reads = {"weight_ih_l0": "x", "weight_ih_l1": "the states of layer 0"}
table(
    ["weight", "shape", "multiplies"],
    [
        [f"`{name}`", tuple(weight.shape), reads.get(name, "its own state before")]
        for name, weight in stacked.named_parameters()
        if "weight" in name
    ],
)

# %% [markdown]
# There is nothing else inside but two biases a layer. Two layers by hand are two calls of the loop; `unroll` of `ecgrnn/nn/recurrence.py` is that
# loop for any cell:

# %%
first, _ = unroll(
    ecgrnn.Cell.rnn_tanh, x, state=ecgrnn.State(torch.zeros(1, 5)), weights=weights_of(stacked, "_l0")
)
second, _ = unroll(
    ecgrnn.Cell.rnn_tanh, first, state=ecgrnn.State(torch.zeros(1, 5)), weights=weights_of(stacked, "_l1")
)
y, h_n = stacked(x)
say(f"Largest difference {(second - y).abs().max():.0e}. `h_n` has a row for each layer: {tuple(h_n.shape)}.")

# %% [markdown]
# ## Both directions
#
# Whether a P wave belongs to this beat is often plain only from what follows. A second cell with weights of its own reads
# from the end to the beginning, and both states stand side by side:
#
# ```text
# backward   o <-- o <-- o <-- o
# forward    o --> o --> o --> o
#           x_1   x_2   x_3   x_4
# ```

# %%
both = torch.nn.RNN(input_size=16, hidden_size=5, num_layers=2, bidirectional=True, batch_first=True)
table(
    ["weight", "shape"],
    [[f"`{name}`", tuple(weight.shape)] for name, weight in both.named_parameters() if "weight" in name],
)

# %% [markdown]
# The second layer reads both directions of the first one, so its input has twice the size. Where do the last states
# stand? The backward cell has read everything when it arrives at the *first* step:

# %%
y, h_n = both(x)
forward, backward = y[..., :5], y[..., 5:]
print(
    "y",
    tuple(y.shape),
    "  h_n",
    tuple(h_n.shape),
    "(layer 0 forward, layer 0 backward, layer 1 forward, ...)",
)
print("last step,  forward half  == h_n[2]:", bool((forward[:, -1] == h_n[2]).all()))
print("first step, backward half == h_n[3]:", bool((backward[:, 0] == h_n[3]).all()))
print("last step,  backward half == h_n[3]:", bool((backward[:, -1] == h_n[3]).all()))

# %% [markdown]
# A common mistake follows from it: `y[:, -1]` of a bidirectional layer is *not* a summary of the sequence. Its backward
# half has seen a single step.
#
# ## Rows of different lengths
#
# Strips of a batch have different lengths and are filled up with zeros. To a recurrent layer zeros are steps like any
# other: the state goes on changing in them, and read backwards the layer begins with them. `ecgrnn.recurrence` takes the
# lengths and keeps what lies behind them out of every result:

# %%
stack = ecgrnn.recurrence(ecgrnn.Cell.gru, 16, hidden_size=5, num_layers=2, bidirectional=True)
batch = torch.zeros(2, 250, 16)
batch[0], batch[1, :100] = x[0], x[0, :100]
y, last = stack(batch, torch.tensor([250, 100]))
alone, last_alone = stack(x[:, :100])
naive, _ = stack(batch)
say(
    f"A strip of 100 steps beside one of 250: with lengths it differs from the strip by itself by "
    f"{(y[1, :100] - alone[0]).abs().max():.0e}, without them by {(naive[1, :100] - alone[0]).abs().max():.2f}."
)

# %% [markdown]
# ## How many weights?
#
# For Elman's cell with input $n$ and state $m$: $m n$ for the input, $m m$ for the state, and two biases of $m$. An LSTM has
# four such blocks and a GRU three (chapter 4).

# %%
rows = []
for cell, blocks in (("rnn_tanh", 1), ("gru", 3), ("lstm", 4)):
    made = ecgrnn.recurrence(ecgrnn.Cell[cell], 16, hidden_size=5)
    rows.append([f"`{cell}`", sum(p.numel() for p in made.parameters()), blocks * (5 * 16 + 5 * 5 + 2 * 5)])
table(["cell", "counted", "by the formula"], rows)

# %% [markdown]
# ## Exercise
#
# A bidirectional stack of 3 LSTM layers with a state of 32 reads frames of 16 numbers. How many weights does it have? Find the
# formula, then count.

# %% tags=["solution"]
m, inputs = 32, [16, 64, 64]  # layers above the first read both directions
by_formula = sum(2 * 4 * (m * n + m * m + 2 * m) for n in inputs)
made = ecgrnn.recurrence(ecgrnn.Cell.lstm, 16, hidden_size=m, num_layers=3, bidirectional=True)
print("by the formula", by_formula, " counted", sum(p.numel() for p in made.parameters()))
