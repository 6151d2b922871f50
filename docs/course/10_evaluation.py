# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% [markdown]
# # 10. What honest evaluation is
#
# A figure is a promise about patients whom nobody has seen yet. This chapter breaks the promise on purpose, shows how good it
# looks, and then does what makes a figure worth quoting: divide by patient, say how uncertain it is, and look for
# the one patient on whom it rests.

# %%
import csv
from pathlib import Path

import numpy as np
import torch
from figures import curves, say, table
from torch import nn

import ecgrnn
from ecgrnn.metrics.uncertainty import bootstrap_interval, jackknife
from ecgrnn.networks.classifier import Classifier
from ecgrnn.networks.encoder import FrameEncoder
from ecgrnn.options.choices import Pooling

FS, BEFORE, AFTER, PATIENTS = 125.0, 32, 48, range(1, 31)


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
    return torch.from_numpy(np.stack(windows)), np.array(labels), np.array(owners)


x, ventricular, owner = beats_of(PATIENTS)
say(f"{len(x):,} beats of {len(PATIENTS)} patients.")

# %% [markdown]
# ## A leak, made on purpose
#
# Toss a coin for every patient and call heads a disease. **There is nothing to find**: the coin knows nothing of the heart. Now
# train a network to find the "disease" in single beats, and divide the beats in two ways:
#
# - **by beat**: all beats are shuffled; two thirds train, one third tests;
# - **by patient**: two thirds of the patients train, the others test.

# %%
rng = np.random.default_rng(4)
coin = {patient: k % 2 for k, patient in enumerate(rng.permutation(PATIENTS))}  # heads for half of them
disease = np.array([coin[patient] for patient in owner])

by_beat = rng.permutation(len(x)) < 2 * len(x) / 3
trained_on = rng.permutation(PATIENTS)[:20]
by_patient = np.isin(owner, trained_on)


def train(label, training, *, steps=300):
    """Train on the beats that are marked; give what the network says of every beat."""
    torch.manual_seed(0)
    encoder = FrameEncoder(2, 8, cell=ecgrnn.Cell.gru, hidden_size=32)
    network = Classifier(encoder, 2, pooling=Pooling.max, head_size=32)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    rows, target = torch.from_numpy(np.flatnonzero(training)), torch.from_numpy(label).long()
    for _ in range(steps):
        batch = rows[torch.randint(len(rows), (64,), generator=generator)]
        loss = nn.functional.cross_entropy(network(x[batch]), target[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return network.eval()(x).argmax(dim=-1).numpy()


rows = []
for name, training in (("by beat", by_beat), ("by patient", by_patient)):
    found = train(disease, training)
    right = [np.mean((found == disease)[part]) for part in (training, ~training)]
    rows.append([name, *(f"{100 * share:.0f} %" for share in right)])
table(["division", "right in training", "right in the test"], rows)

# %% [markdown]
# Divided by beat, the network "diagnoses" a coin. It has learnt to **recognise patients**: each beat of the test has a near copy
# in the training, with the answer on it. Divided by patient it can only guess. Nothing in the first row of the table would
# warn a reader; only the way the beats were divided does.
#
# ## The same with something to find
#
# Ventricular beats are real, so both divisions find them. How much of the figure is promise, and how much is recognition?


# %%
def counts(found, test):
    """Count ventricular beats of the test found, missed and falsely called."""
    kinds = found & ventricular, ~found & ventricular, found & ~ventricular
    return np.array([np.sum(test & kind) for kind in kinds])


def f1(pooled):
    """Give the F1 of counts (..., 3): found, missed, false."""
    hit, missed, false = np.moveaxis(pooled, -1, 0)
    with np.errstate(invalid="ignore"):
        return 2 * hit / (2 * hit + missed + false)


rows = []
for name, training in (("by beat", by_beat), ("by patient", by_patient)):
    pooled = counts(train(ventricular, training) == 1, ~training)
    rows.append([name, f"{100 * f1(pooled):.1f} %", int(pooled[1] + pooled[2])])
table(["division", "V F1 in the test", "errors"], rows)

# %% [markdown]
# The difference is what the leak hides. Each error that is left out of a paper in this way is met by the first new patient.
#
# ## How uncertain is it?
#
# Now real figures. `data/ds2_s_beats.csv` has, for the 22 test records of the MIT-BIH Arrhythmia Database (DS2), the
# supraventricular (S) beats that `python -m ecgrnn train experiment=mitdb_beats seed=0` found, missed and called falsely.
#
# Draw the test again and again, with replacement, and see how far the figure moves (*bootstrap*). What is drawn decides. Beats
# of one patient resemble each other, so that two thousand beats are not two thousand independent facts. **Draw patients.**
# The same counts, both ways:

# %%
with Path("data/ds2_s_beats.csv").open() as file:
    records = list(csv.DictReader(file))
ds2 = np.array([[int(row[key]) for key in ("found", "missed", "false")] for row in records])
single = np.repeat(np.eye(3), ds2.sum(axis=0), axis=0)  # every counted beat as if it were a patient
say(f"F1 of S beats over all 22 records: **{100 * f1(ds2.sum(axis=0)):.1f} %**.")

# %%
rows = []
for name, drawn in (("beats", single), ("patients", ds2)):
    interval = bootstrap_interval(drawn, f1, rng=np.random.default_rng(0), n_resamples=2000)
    rows.append([name, len(drawn), f"{100 * interval.low:.0f} to {100 * interval.high:.0f} %"])
table(["what is drawn", "how many", "95 % interval of S F1"], rows)

# %% [markdown]
# The first interval answers "what if these same patients were recorded again?". The second one answers the question that was
# asked: "what of other patients?".
#
# ## One record that decides
#
# An interval as wide as that asks for its reason. Leave out one record at a time (*jackknife*):

# %%
without = jackknife(ds2, f1)
order = np.argsort(without)
share = ds2[:, :2].sum(axis=1) / ds2[:, :2].sum()
rows = [
    [records[k]["record"], f"{100 * share[k]:.0f} %", f"{100 * without[k]:.1f} %"]
    for k in (*order[:3], *order[-3:])
]
table(["left out", "its share of the S beats", "S F1 of the other 21"], rows)

# %%
curves(
    {
        "without one record": (range(len(order)), 100 * without[order]),
        "all records": ([0, 21], [100 * f1(ds2.sum(axis=0))] * 2),
    },
    x="records, in order of what their absence does",
    y="S F1, %",
    y_range=(0, 100),
    dots=("without one record",),
    caption="Twenty-one records hardly matter. One does.",
)

# %%
k = int(order[0])
say(
    f"Record {records[k]['record']} has {100 * share[k]:.0f} % of all S beats, and nearly all of them are found. Without this one "
    f"man the figure is {100 * without[k]:.0f} %: a paper's headline is a statement about him."
)

# %% [markdown]
# So: divide by patient and prove it (`python -m ecgrnn audit`). Choose nothing on the test. Give the interval by patient, and the
# number of patients who have the class. Leave out one at a time before quoting anything. ecgrnn's report does all of it; what
# others have met is under [Leaks in the literature](../science/leaks.md).
#
# ## Exercise
#
# Fifty teams toss coins: each reports the best of its tries on one test set of 10 patients, with a classifier that guesses
# per patient. How high is the best accuracy of 1, 10, 50 tries on average? What is this leak called?

# %% tags=["solution"]
guesses = np.random.default_rng(0).random((2000, 50, 10)) < 0.5  # experiment, try, patient
for tries in (1, 10, 50):
    best = guesses[:, :tries].mean(axis=-1).max(axis=-1).mean()
    print(f"best of {tries:2d} tries: {100 * best:.0f} % of 10 patients right")
print("the test chooses: whatever is picked by its test score must be tested again, on others")
