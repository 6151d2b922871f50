# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 7. A label for every step
#
# **N-vs-N**: every step gets its label. Here each stretch of 32 ms is part of a P wave, a QRS complex, a T wave, or of none.
# The states are there already; the question of this chapter is what a label may know of its neighbours.
#
# ```text
# linear                     CRF                        fed back
#
# y_1   y_2   y_3            y_1 -- y_2 -- y_3          y_1 --> y_2 --> y_3
#  |     |     |              |      |      |            |       |       |
# h_1   h_2   h_3            h_1    h_2    h_3          h_1     h_2     h_3
# ```

# %%
from itertools import pairwise

import numpy as np
import torch
from figures import say, table, wide

import ecgrnn
from ecgrnn.metrics.delineation import score_waves
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.networks.labeller import Labeller
from ecgrnn.options.choices import Head
from ecgrnn.signals.annotations import Waves
from ecgrnn.tasks.delineation.labels import WAVE_SCHEME, WaveRules, labels_of_waves, waves_of_labels
from ecgrnn.tasks.delineation.strips import wave_strip

FS, FRAME, STEPS = 125.0, 4, 100  # windows of 3.2 s


def recording(patient):
    """Give the signal of the first lead of a simulated patient, and its true waves."""
    record = ecgrnn.simulate_record(patient, seed=11, duration_s=32.0, fs_hz=FS)
    kind = np.array([{"p": "P", "N": "QRS", "t": "T"}[one] for one in record.wave_kinds])
    signal = record.signal[:, 0] - np.median(record.signal[:, 0])
    return signal, Waves(record.wave_onsets, record.wave_peaks, record.wave_offsets, kind)


def windows(patients):
    """Give windows (window, time, 1) and their labels (window, step)."""
    signals, labels = [], []
    for patient in patients:
        signal, waves = recording(patient)
        steps = len(signal) // FRAME
        labels.append(labels_of_waves(waves, fs_hz=FS, steps=steps, step_s=FRAME / FS).reshape(-1, STEPS))
        signals.append(signal.reshape(-1, STEPS * FRAME, 1))
    return torch.from_numpy(np.concatenate(signals)), torch.from_numpy(np.concatenate(labels))


x, y = windows(range(1, 31))
counted = torch.bincount(y[y >= 0])
say(
    f"{len(x)} windows of 30 patients. Steps: "
    + ", ".join(
        f"{name} {100 * n / counted.sum():.0f} %"
        for name, n in zip(WAVE_SCHEME.classes, counted, strict=True)
    )
    + ". Steps before the first and after the last mark have no label and are left out of the loss."
)

# %% [markdown]
# ## Three heads
#
# - **Linear**: $p(y_t) = \mathrm{softmax}(W h_t + b)$. Each label for itself; impossible sequences are possible.
# - **CRF**: a conditional random field scores whole sequences, $\sum_t s_t(y_t) + A(y_{t-1}, y_t)$, with a learned table $A$ of
#   what may follow what, and is trained on the probability of the *whole* true sequence. The sum over all sequences takes
#   one pass forwards; the best one (Viterbi) another.
# - **Fed back**: $p(y_t \mid y_{t-1}, h_t)$. The label before is an input; at prediction it is the network's own.
#
# And two readers: one that reads forwards only, and one that reads in both directions.


# %%
def train(head, *, bidirectional, steps=100):
    """Train a labeller."""
    torch.manual_seed(0)
    encoder = FrameEncoder(1, FRAME, cell=ecgrnn.Cell.gru, hidden_size=24, bidirectional=bidirectional)
    network = Labeller(encoder, 4, head=head)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(len(x), (16,), generator=generator)
        scores, _ = network(x[rows])
        loss = -network.log_likelihood(scores, y[rows]).sum() / (y[rows] >= 0).sum()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network.eval()


def found_waves(network, signal):
    """Label a recording as a whole and turn runs of labels into waves."""
    whole = torch.from_numpy(signal[: len(signal) // FRAME * FRAME])[None, :, None]
    with torch.no_grad():
        labels = network.decode(network.outputs(whole))[0].numpy()
    return labels, waves_of_labels(labels, signal, step_s=FRAME / FS, fs_hz=FS, rules=WaveRules())


networks = {
    "linear, forwards": train(Head.linear, bidirectional=False),
    "linear, both directions": train(Head.linear, bidirectional=True),
    "CRF, both directions": train(Head.crf, bidirectional=True),
    "fed back, both directions": train(Head.feedback, bidirectional=True),
}

# %% [markdown]
# ## Scored as waves
#
# Steps are not what a cardiologist measures. Runs of labels become waves, and each onset and offset is compared with the
# true one: found if within 150 ms, one to one. Ten patients that no network has seen:

# %%
marks = (("P", "onset"), ("QRS", "onset"), ("QRS", "offset"), ("T", "offset"))
rows = []
for name, network in networks.items():
    scores = [
        score_waves(waves, found_waves(network, signal)[1], fs_hz=FS)
        for signal, waves in map(recording, range(31, 41))
    ]
    cells = []
    for mark in marks:
        hits, misses, extra = (
            sum(getattr(score[mark], field) for score in scores) for field in ("found", "missed", "extra")
        )
        errors = np.concatenate([score[mark].errors_ms for score in scores])
        cells.append(f"{100 * 2 * hits / (2 * hits + misses + extra):.1f} %, {errors.std():.0f} ms")
    rows.append([name, *cells])
table(["F1, standard deviation of the error", *(f"{kind} {end}" for kind, end in marks)], rows)

# %% [markdown]
# Reading both directions is the largest step, and the P wave gains most: it is small, and what makes it a P wave is the QRS
# complex *behind* it. A grid of 32 ms cannot mark anything more exactly than its own standard deviation, which is:

# %%
say(f"{1000 * FRAME / FS / np.sqrt(12):.0f} ms. (The package labels steps of 8 ms: `labels_per_frame`.)")

# %%
signal, waves = recording(33)
labels, found = found_waves(networks["linear, both directions"], signal)
wide(
    wave_strip(signal[:1000], fs_hz=FS, name="I", reference=waves, found=found, marks_fs_hz=FS),
    "Above: true waves; below: found by the linear head in both directions.",
)

# %% [markdown]
# ## What the CRF has learnt
#
# The table $A$, row: label before, column: label after. Large numbers are welcome neighbours:

# %%
A = networks["CRF, both directions"].crf.transitions.detach()
table(
    ["", *WAVE_SCHEME.classes],
    [
        [name, *(f"{value:+.1f}" for value in row)]
        for name, row in zip(WAVE_SCHEME.classes, A.tolist(), strict=True)
    ],
)


# %%
def impossible(network):
    """Count changes from one wave straight into another that no true sequence has, over the test patients."""
    seen = {(a, b) for row in y.tolist() for a, b in pairwise(row)}
    rows = [found_waves(network, recording(patient)[0])[0].tolist() for patient in range(31, 41)]
    changes = [(a, b) for row in rows for a, b in pairwise(row)]
    return sum(pair not in seen for pair in changes)


say(
    "Changes that the training data do not have: "
    + ", ".join(f"{name} {impossible(network)}" for name, network in networks.items())
    + "."
)

# %% [markdown]
# A bidirectional network has mostly learnt the grammar by itself, from its inputs. On LUDB, with real patients, the CRF and
# the head that feeds back find fewer P waves than the linear head, with fewer false ones; the figures are under
# [Delineation](../delineation.md#comparison-of-heads-fold-0).
#
# ## Exercise
#
# Fed back, an error can feed the next one. Take the CRF's scores of one recording and decode them greedily, each step by the
# best label given the one before, instead of by Viterbi. In how many steps do the two differ, and which has the higher
# score?

# %% tags=["solution"]
network = networks["CRF, both directions"]
with torch.no_grad():
    scores = network.outputs(torch.from_numpy(signal)[None, :, None])
    best = network.decode(scores)[0]
    crf = network.crf
    greedy = [int((crf.start + scores[0, 0]).argmax())]
    for s in scores[0, 1:]:
        greedy.append(int((crf.transitions[greedy[-1]] + s).argmax()))
    greedy = torch.tensor(greedy)
    difference = crf.log_likelihood(scores, best[None]) - crf.log_likelihood(scores, greedy[None])
print(
    f"{int((greedy != best).sum())} of {len(best)} steps differ; Viterbi's sequence is exp({difference.item():.2f}) times as probable"
)
