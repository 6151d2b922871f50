# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 3. To the last digit
#
# A network learns by gradients. Libraries compute them by themselves, and that is why so few people have seen one. Here
# the gradient of a recurrent layer is written by hand in NumPy and compared with torch's: equal to the last digits of
# double precision. Whoever can do this knows what `backward` does.

# %%
import numpy as np
import torch
from figures import say, table

import ecgrnn
from ecgrnn.nn.verification import reference
from ecgrnn.nn.verification.reference_cells import ArrayState

rng = np.random.default_rng(0)
record = ecgrnn.simulate_record(2, seed=7, duration_s=10.0, fs_hz=250.0)
x = (
    record.signal[: 2 * 60 * 8].astype(np.float64).reshape(2, 60, 16)
)  # two rows of 60 steps: frames of 8 samples, 2 leads
batch, time, size, hidden = 2, 60, 16, 6
W_ih, W_hh = rng.uniform(-0.4, 0.4, (hidden, size)), rng.uniform(-0.4, 0.4, (hidden, hidden))
b_ih, b_hh = rng.uniform(-0.4, 0.4, (2, hidden))
print("x", x.shape)

# %% [markdown]
# ## Forwards
#
# As in chapter 1, but every state is kept: the way back needs them.


# %%
def forward(x):
    """Give the states h_0, h_1, ..., h_T, each (batch, hidden)."""
    states = [np.zeros((batch, hidden))]
    for t in range(time):
        states.append(np.tanh(x[:, t] @ W_ih.T + b_ih + states[-1] @ W_hh.T + b_hh))
    return states


states = forward(x)
target = rng.normal(size=(batch, time, hidden))
loss = sum(((states[t + 1] - target[:, t]) ** 2).sum() for t in range(time)) / 2
print(f"loss {loss:.6f}")

# %% [markdown]
# ## Backwards
#
# Let $\delta_t$ be the gradient of the loss with respect to $h_t$. It comes along two ways: directly, because $h_t$ is an
# output, and through $h_{t+1}$, because the next step read it.
#
# With $a_t = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}$ and $h_t = \tanh a_t$, whose derivative is $1 - h_t^2$:
#
# $$\delta_t = \underbrace{(h_t - \text{target}_t)}_{\text{this output}} + \underbrace{W_{hh}^\top \left( (1 - h_{t+1}^2) \odot \delta_{t+1} \right)}_{\text{from the next step}}$$
#
# The weights are the same at every step, so their gradients are sums over the steps. That is all of *back-propagation
# through time*:

# %%
d_W_ih, d_W_hh, d_b = np.zeros_like(W_ih), np.zeros_like(W_hh), np.zeros(hidden)
d_x = np.zeros_like(x)
from_next = np.zeros((batch, hidden))
for t in reversed(range(time)):
    h, before = states[t + 1], states[t]
    delta = (h - target[:, t]) + from_next
    d_a = delta * (1 - h**2)  # through tanh
    d_W_ih += d_a.T @ x[:, t]
    d_W_hh += d_a.T @ before
    d_b += d_a.sum(axis=0)
    d_x[:, t] = d_a @ W_ih
    from_next = d_a @ W_hh

# %% [markdown]
# The same by torch, with the weights copied into `torch.nn.RNN`:

# %%
layer = torch.nn.RNN(size, hidden, batch_first=True).double()
names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
with torch.no_grad():
    for name, value in zip(names, (W_ih, W_hh, b_ih, b_hh), strict=True):
        getattr(layer, name).copy_(torch.from_numpy(value))
x_torch = torch.from_numpy(x).requires_grad_()
y, _ = layer(x_torch)
loss_torch = ((y - torch.from_numpy(target)) ** 2).sum() / 2
loss_torch.backward()

by_hand = dict(zip(names, (d_W_ih, d_W_hh, d_b, d_b), strict=True))
rows = [
    [
        f"`{name}`",
        f"{np.abs(by_hand[name]).max():.4f}",
        f"{np.abs(by_hand[name] - getattr(layer, name).grad.numpy()).max():.0e}",
    ]
    for name in names
]
rows.append(["`x`", f"{np.abs(d_x).max():.4f}", f"{np.abs(d_x - x_torch.grad.numpy()).max():.0e}"])
rows.append(["the loss itself", f"{loss:.4f}", f"{abs(loss - loss_torch.item()):.0e}"])
table(["gradient with respect to", "largest value", "largest difference from torch"], rows)

# %% [markdown]
# A double has 16 digits, and some hundred roundings are between the input and these sums: there is no closer agreement.
#
# ## A third opinion
#
# Both could share a mistake. The gradient by definition asks only for the loss: change one weight a little and look.
# The difference of two nearly equal numbers has fewer right digits, so this finds blunders, not the last digit.


# %%
def loss_with(weight, index, change):
    weight[index] += change
    states = forward(x)
    weight[index] -= change
    return sum(((states[t + 1] - target[:, t]) ** 2).sum() for t in range(time)) / 2


step = 1e-5
rows = []
for name, weight, gradient in (("W_ih", W_ih, d_W_ih), ("W_hh", W_hh, d_W_hh)):
    numeric = (loss_with(weight, (2, 3), step) - loss_with(weight, (2, 3), -step)) / (2 * step)
    rows.append([f"`{name}[2, 3]`", f"{gradient[2, 3]:.8f}", f"{numeric:.8f}"])
table(["weight", "by hand", "by definition"], rows)

# %% [markdown]
# ## Every cell, every layer
#
# The package does this for all of its cells: each has its equations in torch (`ecgrnn/nn/cells.py`) and, independently,
# its equations and its gradient by hand in NumPy (`ecgrnn/nn/verification/reference_cells.py`). `reference.stack` and
# `reference.stack_backward` go through stacks of layers in both directions, with rows of different lengths:

# %%
torch.manual_seed(0)
stack = ecgrnn.recurrence(
    ecgrnn.Cell.lstm, size, hidden_size=hidden, num_layers=2, bidirectional=True
).double()
parameters = {name: value.detach().numpy() for name, value in stack.layers.named_parameters()}
lengths = np.array([60, 41])
zero = ArrayState(np.zeros((4, batch, hidden)), np.zeros((4, batch, hidden)))
y_numpy, _ = reference.stack(ecgrnn.Cell.lstm, x, parameters=parameters, state=zero, lengths=lengths)
y_torch, _ = stack(torch.from_numpy(x), torch.from_numpy(lengths))

y_torch.square().sum().backward()
back = reference.stack_backward(
    ecgrnn.Cell.lstm, x, parameters=parameters, state=zero, lengths=lengths, d_y=2 * y_numpy, d_last=zero
)
worst = max(
    np.abs(back.parameters[name] - value.grad.numpy()).max()
    for name, value in stack.layers.named_parameters()
)
say(
    f"Two bidirectional LSTM layers: outputs differ by {np.abs(y_numpy - y_torch.detach().numpy()).max():.0e}, "
    f"gradients of all {len(parameters)} weights by at most {worst:.0e}."
)

# %% [markdown]
# `python -m ecgrnn verify` prints this comparison for every cell, one and several layers, one and both directions, and
# ends with an error where a difference exceeds $10^{-10}$.
#
# ## Exercise
#
# Cut the way back after $k$ steps: set `from_next` to zero whenever `t % k == 0`. That is *truncated* back-propagation.
# How far is the gradient of $W_{hh}$ from the whole one for $k$ = 1, 5, 20? (Compare directions: the cosine of the angle
# between the two.)


# %% tags=["solution"]
def gradient_of_W_hh(k):
    total, from_next = np.zeros_like(W_hh), np.zeros((batch, hidden))
    for t in reversed(range(time)):
        d_a = (states[t + 1] - target[:, t] + from_next) * (1 - states[t + 1] ** 2)
        total += d_a.T @ states[t]
        from_next = d_a @ W_hh if t % k else np.zeros((batch, hidden))
    return total


rows = []
for k in (1, 2, 5, 20, 60):
    cut = gradient_of_W_hh(k)
    cosine = (cut * d_W_hh).sum() / np.linalg.norm(cut) / np.linalg.norm(d_W_hh)
    rows.append([k, f"{cosine:.4f}", f"{np.linalg.norm(cut - d_W_hh) / np.linalg.norm(d_W_hh):.4f}"])
table(["steps", "cosine", "relative error"], rows)
