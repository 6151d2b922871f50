# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 1. One cell by hand
#
# A recurrent network reads a sequence one element at a time and keeps what it needs of the past in a *state*. One
# step takes the element $x_t$ and the state before, $h_{t-1}$, and makes the next state:
#
# $$h_t = f(x_t, h_{t-1})$$
#
# The same $f$ is used at every step. That is the whole idea; everything in this course is a choice of $f$, of where
# $x$ comes from, and of what is done with $h$.

# %%
import numpy as np
from figures import curves, say, strip

import ecgrnn

# %% [markdown]
# ## A machine for Fibonacci numbers
#
# Each Fibonacci number is the sum of the two before it. Nothing is read here, so the state must carry all there is to
# know: the last two numbers. The step is a matrix.
#
# $$h_t = W h_{t-1}, \qquad W = \begin{pmatrix} 1 & 1 \\ 1 & 0 \end{pmatrix}, \qquad h_0 = \begin{pmatrix} 1 \\ 0 \end{pmatrix}$$

# %%
W = np.array([[1, 1], [1, 0]])
h = np.array([1, 0])
numbers = []
for _ in range(12):
    h = W @ h
    numbers.append(int(h[0]))
numbers

# %% [markdown]
# Two things about recurrent networks can be seen already. **The state is a summary of the past**: two numbers are
# enough here, however long the sequence has become. **The same matrix is applied again and again**, so its
# eigenvalues decide what happens over many steps: the ratio of successive numbers runs into the larger one.

# %%
ratio = numbers[-1] / numbers[-2]
largest = np.linalg.eigvals(W).max()
print(f"ratio of the last two numbers {ratio:.4f}, largest eigenvalue {largest:.4f}")

# %% [markdown]
# A largest eigenvalue above 1 means that the state grows without bound; below 1, that it fades. Chapter 4 is about
# what this does to learning.
#
# ## The machine reads
#
# Now let each step also read something: $h_t = W_{hh} h_{t-1} + W_{ih} x_t$. With one number of state, $W_{hh} = a$ and
# $W_{ih} = 1 - a$, this is a running mean. Applied to an ECG, it follows the wandering baseline, which a summary
# of the recent past is enough for.

# %%
record = ecgrnn.simulate_record(3, seed=7, duration_s=10.0, fs_hz=250.0)
ecg = record.signal[:, 0]
a, state, baseline = 0.99, ecg[0], []
for x in ecg:
    state = a * state + (1 - a) * x
    baseline.append(state)

time_s = np.arange(len(ecg)) / record.fs_hz
curves(
    {"ECG": (time_s[:1000], ecg[:1000]), "state": (time_s[:1000], baseline[:1000])},
    x="s",
    y="mV",
    caption="One recurrent unit without a squashing function is a low-pass filter.",
)

# %% [markdown]
# A filter with feedback is a linear recurrent network. What a network adds is a non-linear step, and that its weights
# are learnt and not designed.
#
# ## Elman's step
#
# The simple recurrent network ([Elman, 1990](https://doi.org/10.1207/s15516709cog1402_1)) squashes the sum with a
# hyperbolic tangent, so that the state stays between -1 and 1 whatever the weights are:
#
# $$h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})$$
#
# One line of NumPy:


# %%
def elman(x, h, W_ih, W_hh, b_ih, b_hh):
    """One step for a batch: x is (batch, input), h is (batch, hidden)."""
    return np.tanh(x @ W_ih.T + b_ih + h @ W_hh.T + b_hh)


# %% [markdown]
# The row-major form `x @ W.T` is the same product for a whole batch of rows. Two biases where one would do is a habit
# of the libraries; chapter 3 needs them to compare weights one to one.
#
# What is $x_t$ when an ECG is read? Not one sample: at 250 Hz a heartbeat would be some 200 steps, and the network would
# have to remember over all of them. A step reads a **frame** of samples of all leads.

# %%
frame = 8  # samples: 32 ms at 250 Hz
signal = record.signal  # (time, lead)
n_frames = len(signal) // frame
x = signal[: n_frames * frame].reshape(n_frames, frame * signal.shape[1])
print("signal", signal.shape, "-> frames", x.shape)

# %%
rng = np.random.default_rng(0)
hidden, size = 4, x.shape[1]
bound = 1 / np.sqrt(hidden)  # the usual range of first weights
W_ih, W_hh = rng.uniform(-bound, bound, (hidden, size)), rng.uniform(-bound, bound, (hidden, hidden))
b_ih, b_hh = rng.uniform(-bound, bound, (2, hidden))

h = np.zeros((1, hidden))
states = []
for x_t in x:
    h = elman(x_t[None], h, W_ih, W_hh, b_ih, b_hh)
    states.append(h[0])
states = np.array(states)

strip(
    signal[:1000],
    fs_hz=record.fs_hz,
    leads=record.leads,
    caption="What is read: a simulated patient, two leads.",
)

# %%
shown = 1000 // frame
frames_s = (np.arange(shown) + 1) * frame / record.fs_hz
curves(
    {f"unit {k}": (frames_s, states[:shown, k]) for k in range(hidden)},
    x="s",
    y="state",
    y_range=(-1, 1),
    caption="The four numbers of the state, with random weights: every beat leaves its trace, and it fades.",
)

# %% [markdown]
# Nothing has been learnt, and yet the beats are plain to see in the state. Training chooses the weights so that what is
# asked for can be read from $h$ by a simple layer, $y_t = W_y h_t + b_y$.
#
# The package has this step in `ecgrnn/nn/cells.py` (PyTorch) and, with its gradient by hand, in
# `ecgrnn/nn/verification/reference_cells.py` (NumPy). Ours is the same, to the last digit:

# %%
from ecgrnn.nn.verification import reference_cells

weights = reference_cells.ArrayWeights(W_ih, W_hh, b_ih, b_hh)
theirs = reference_cells.elman(x[:1].astype(float), np.zeros((1, hidden)), weights)
ours = elman(x[:1].astype(float), np.zeros((1, hidden)), W_ih, W_hh, b_ih, b_hh)
say(f"Largest difference: {np.abs(ours - theirs).max():.1g}.")

# %% [markdown]
# ## Exercise
#
# With $W_{hh} = 0$ the cell forgets everything at every step. How long does it remember with the weights above? Put a
# single frame of ones into a sequence of zeros, run the cell on it and on the zeros alone, and find after how many
# steps the two states differ by less than 1 %.

# %% tags=["solution"]
quiet = np.zeros((40, size))
poked = quiet.copy()
poked[0] = 1


def run(sequence):
    h = np.zeros((1, hidden))
    return np.array([h := elman(x_t[None], h, W_ih, W_hh, b_ih, b_hh) for x_t in sequence])[:, 0]


difference = np.abs(run(poked) - run(quiet)).max(axis=1)
steps = int(np.argmax(difference < 0.01))
radius = np.abs(np.linalg.eigvals(W_hh)).max()
print(f"{steps} steps, or {1000 * steps * frame / record.fs_hz:.0f} ms; spectral radius of W_hh {radius:.2f}")
curves({"difference": difference}, x="step", y="largest difference of the states")
