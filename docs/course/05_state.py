# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 5. The state before the first step
#
# Every equation so far begins with $h_0$, and nothing has said what it is. Four answers are in use: zero, learned, carried
# over from the stretch before, and carried but *detached*. Each belongs to a situation.

# %%
import numpy as np
import torch
from figures import curves, say, table

import ecgrnn
from ecgrnn.nn.state import detach
from ecgrnn.nn.truncated import stretches
from ecgrnn.options.choices import InitialState

torch.manual_seed(0)
record = ecgrnn.simulate_record(4, seed=7, duration_s=60.0, fs_hz=125.0)
x = torch.from_numpy(record.signal).reshape(1, -1, 10)  # a minute in steps of 40 ms
stack = ecgrnn.recurrence(ecgrnn.Cell.gru, 10, hidden_size=16)
print("x", tuple(x.shape))

# %% [markdown]
# ## Zero
#
# "Nothing has been read yet." It is what torch takes where no state is given, and the right choice for strips that begin
# anywhere. How long does a network need to forget that it began with zero? Read the minute from zero and from a state
# of random numbers:

# %%
from_zero, last = stack(x)
somewhere = ecgrnn.State(torch.rand(1, 1, 16) * 2 - 1)
from_somewhere, _ = stack(x, None, somewhere)
distance = (from_zero - from_somewhere).norm(dim=-1)[0].detach()
seconds = np.arange(1, 51) * 0.04
curves(
    {"distance of the two states": (seconds, distance[:50])},
    x="s",
    y="distance",
    caption="An untrained GRU forgets where it began.",
)

# %%
forgotten = int((distance < 0.01 * distance[0]).nonzero()[0, 0])
say(f"After {0.04 * forgotten:.2f} s less than 1 % of the difference is left.")

# %% [markdown]
# ## Learned
#
# A parameter like any other: the state that it is best to begin with. It says "a window begins 0.2 s before its R peak" to a
# network whose windows all begin so. The gradient reaches it through the first step, so chapter 4 applies to it:
# in a long sequence it hardly learns.

# %%
learned = ecgrnn.recurrence(ecgrnn.Cell.gru, 10, hidden_size=16, initial_state=InitialState.learned)
rows = []
for steps in (5, 25, 100):
    learned.zero_grad()
    learned(x[:, :steps])[0][:, -1].sum().backward()
    rows.append([f"{steps * 0.04:.1f} s", f"{learned.initial_h.grad.norm():.1e}"])
table(["length of the window", "gradient of the initial state"], rows)

# %% [markdown]
# ## Carried
#
# A Holter recording of a day does not fit into one call. It is read in stretches, and the state after one stretch is the
# state before the next. The outputs are those of one reading, whatever the lengths of the stretches are:

# %%
whole, _ = stack(x)
state, parts = None, []
for start, stop in ((0, 100), (100, 101), (101, 750), (750, 1500)):
    part, state = stack(x[:, start:stop], None, state)
    parts.append(part)
say(
    f"Largest difference from reading the minute at once: {(torch.cat(parts, dim=1) - whole).abs().max():.0e}."
)

# %% [markdown]
# The state is a value that goes in and comes out (`ecgrnn.State`); no layer keeps one to itself. Two recordings can
# therefore never be mixed up by accident, and a batch is reset row by row where a new recording begins
# (`ecgrnn.nn.state.reset_rows`). Nothing can be carried *backwards*: a bidirectional layer needs the end first, so a stream
# needs one direction.
#
# ## Carried, and detached
#
# In training a carried state brings along how it was made: the graph of all stretches before. The way back grows from
# stretch to stretch, until memory is full. `detach` keeps the numbers and cuts the graph:


# %%
def reach(cut):
    """Read 10 stretches of 1 s; give how far back the gradient of the last output reaches, in steps."""
    inputs = [x[:, 25 * k : 25 * (k + 1)].clone().double().requires_grad_() for k in range(10)]
    network = ecgrnn.recurrence(ecgrnn.Cell.gru, 10, hidden_size=16).double()
    state = None
    for part in inputs:
        y, state = network(part, None, detach(state) if cut and state is not None else state)
    y[:, -1].sum().backward()
    return sum(25 for part in inputs if part.grad is not None and part.grad.abs().max() > 0)


say(
    f"Carried as it is, the gradient reaches back over {reach(cut=False)} steps; detached, over {reach(cut=True)}."
)

# %% [markdown]
# This is *truncated back-propagation through time*: values flow on without end, gradients stop at the beginning of their
# stretch. `ecgrnn.nn.truncated.stretches` does it; call `backward` on each stretch before the next is asked for, and its
# memory is given back:

# %%
readout = torch.nn.Linear(16, 10)
optimizer = torch.optim.Adam([*stack.parameters(), *readout.parameters()], lr=1e-2)
losses = []
for _ in range(8):  # eight times over the minute: foretell the next frame from all before it
    total = 0.0
    for part in stretches(stack, x[:, :-1], steps=50):
        loss = (readout(part.outputs) - x[:, part.start + 1 : part.stop + 1]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * (part.stop - part.start)
    losses.append(total / (x.shape[1] - 1))
same = (x[:, 1:] - x[:, :-1]).square().mean().item()  # foretold: the same again
curves(
    {"GRU": losses, "the last frame again": [same] * len(losses)},
    x="times over the minute",
    y="mean squared error, mV squared",
    y_range=(0, max(*losses, same) * 1.05),
    caption="Foretelling the next 40 ms, trained in stretches of 2 s.",
)

# %% [markdown]
# | situation | state before the first step |
# | :-- | :-- |
# | strips that begin anywhere | zero |
# | windows that all begin at the same place of the beat | learned |
# | a stream, or a recording that does not fit | carried |
# | training on long recordings | carried and detached |
#
# ## Exercise
#
# A network that was trained from zero reads a new recording from the state it had at the end of *another patient's*
# recording. Measure how far its first outputs are from those from zero, and how long the foreign state can be seen.

# %% tags=["solution"]
other = ecgrnn.simulate_record(9, seed=7, duration_s=20.0, fs_hz=125.0)
with torch.no_grad():
    _, foreign = stack(torch.from_numpy(other.signal).reshape(1, -1, 10))
    difference = (stack(x)[0] - stack(x, None, foreign)[0]).norm(dim=-1)[0]
visible = int((difference > 0.01 * difference[0]).nonzero()[-1, 0]) + 1
print(f"first step {difference[0]:.2f}; more than 1 % of it for {0.04 * visible:.2f} s")
print("one line in a loop, a foreign patient in the result: reset the state where a recording begins")
