"""Measure what a classifier of beats leans on, by class, on the test patients of MIT-BIH (DS2).

    python scripts/experiments/leaning.py --data data/physionet/mitdb [--checkpoint beats] [--beats 3]
        [--records 200 233] [--out FILE.json] [--picture FILE.svg]

Of each record and class the beats that the model gives that class, at detected positions, are taken evenly
(`--beats` of them), and explained by integrated gradients from the patient's usual beat. A group's share is
the absolute value of what it adds to the log-odds, over the sum of all groups' absolute values, averaged over
beats; in brackets is the mean of what it adds. Prints Markdown tables; nothing is fitted or chosen here.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from ecgrnn.data.databases import DATABASES
from ecgrnn.data.windows import table_of_positions
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.signals.formats import read
from ecgrnn.signals.preprocessing import prepare_record
from ecgrnn.signals.rhythm_context import rhythm_names
from ecgrnn.tasks.beats.explanation.explain import GROUPS, group_sums
from ecgrnn.tasks.beats.explanation.gradients import attribute
from ecgrnn.tasks.beats.logits import beat_logits
from ecgrnn.tasks.beats.prediction import positions_of

STEPS = 25
TOP = 4
COLOURS = ("#0a5fb4", "#c25e00", "#00805a", "#a3338b", "#5d6470")


def explained(model, path: Path, *, beats: int):
    """Give class, group sums and what each feature adds, for some beats of each class of a record."""
    recording = read(path)
    sample, _ = positions_of(recording, annotator=None, model=model)
    prepared = prepare_record(recording.stretch(), model.preprocessing)
    dataset = model.view().windows([prepared], table_of_positions([prepared], [sample]))
    called = beat_logits(model.network, dataset, batch_size=1024).argmax(axis=1)
    names, n_rhythm = dataset.feature_names, len(rhythm_names(causal=dataset.view.causal))
    for k, name in enumerate(model.scheme.classes):
        rows = np.flatnonzero(called == k)
        for at in rows[np.unique(np.linspace(0, len(rows) - 1, beats).astype(int))] if len(rows) else ():
            kept = dataset.sequences
            row = int(np.flatnonzero((kept.keep_start <= at) & (at < kept.keep_stop))[0])
            place = int(at - kept.start[row])
            found = attribute(model.network, dataset.arrays([row]), place=place, target=k, steps=STEPS)
            adds = dict(zip(names, found.features[place].tolist(), strict=True))
            yield name, group_sums(found, n_rhythm=n_rhythm), adds


def averaged(rows) -> dict:
    """Average over the beats of each class."""
    classes = {}
    for name in dict.fromkeys(row[0] for row in rows):
        of = [row for row in rows if row[0] == name]
        sums = np.array([[row[1][group] for group in GROUPS] for row in of])
        share = (np.abs(sums) / np.abs(sums).sum(axis=1, keepdims=True)).mean(axis=0)
        features = {key: float(np.mean([row[2][key] for row in of])) for key in of[0][2]}
        top = sorted(features, key=lambda key, adds=features: -abs(adds[key]))[:TOP]
        classes[name] = {
            "beats": len(of),
            "share": dict(zip(GROUPS, share.tolist(), strict=True)),
            "adds": dict(zip(GROUPS, sums.mean(axis=0).tolist(), strict=True)),
            "features": {key: features[key] for key in top},
        }
    return classes


def tables(classes: dict) -> str:
    """Give Markdown tables of shares, of what groups add, and of the strongest features."""
    lines = ["| class | beats | " + " | ".join(GROUPS) + " |", "| --- |" + " ---: |" * (len(GROUPS) + 1)]
    for name, one in classes.items():
        cells = (f"{one['share'][group]:.0%} ({one['adds'][group]:+.1f})" for group in GROUPS)
        lines.append(f"| {name} | {one['beats']} | " + " | ".join(cells) + " |")
    lines += ["", "| class | features that add most |", "| --- | --- |"]
    for name, one in classes.items():
        cells = (f"`{key}` {value:+.2f}" for key, value in one["features"].items())
        lines.append(f"| {name} | " + ", ".join(cells) + " |")
    return "\n".join(lines)


def draw(classes: dict, file: Path) -> None:
    """Draw the shares as bars, a class a bar."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "leaning"
    figure = Figure(figsize=(7.2, 0.45 * len(classes) + 1.2), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(classes))
    for group, colour in zip(GROUPS, COLOURS, strict=True):
        share = np.array([one["share"][group] for one in classes.values()]) * 100
        axes.barh(list(classes), share, left=left, color=colour, label=group)
        left += share
    axes.invert_yaxis()
    axes.set(
        xlabel="share of what is added to and taken from the log-odds (%)", ylabel="class", xlim=(0, 100)
    )
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(file, format="svg", metadata={"Date": None})


def main() -> None:
    """Explain, average and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--checkpoint", default="beats")
    parser.add_argument("--beats", type=int, default=3)
    parser.add_argument("--records", nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    model = load_model(options.checkpoint)
    names = options.records or DATABASES["mitdb"].splits["ds1ds2"].test
    rows = [row for name in names for row in explained(model, options.data / name, beats=options.beats)]
    order = {name: k for k, name in enumerate(model.scheme.classes)}
    classes = averaged(sorted(rows, key=lambda row: order[row[0]]))
    print(tables(classes))
    if options.out:
        options.out.write_text(json.dumps(classes, indent=2) + "\n")
    if options.picture:
        draw(classes, options.picture)


if __name__ == "__main__":
    main()
