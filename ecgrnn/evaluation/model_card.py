"""The model card: what a checkpoint is, what it is for, where it fails, and how well it does, in Markdown."""

from collections.abc import Mapping
from typing import Any


def model_card(summary: Mapping[str, Any], *, title: str) -> str:
    """Write the card.

    Args:
        summary: content of ``summary.json``.
        title: full name of the database it is judged on.
    """
    model, split = summary["model"], summary["audit"]["split"]
    encoder = model["network"]["options"]["encoder"]
    lines = [
        "# Model card",
        "",
        f"A recurrent network ({encoder['cell']}, {encoder['num_layers']} layers of "
        f"{encoder['hidden_size']}, "
        f"{model['parameters']:,} parameters) that says which class a heartbeat of an ECG has: "
        f"{', '.join(summary['classes'])} of label scheme {summary['scheme']}.",
        "",
        "## Intended use",
        "",
        f"{summary['limits']} It is made to compare methods on public databases.",
        "",
        "## Data",
        "",
        f"Trained and validated on {_text(model['database'])}, split {_text(split['name'])}, by patient:",
        "",
        "| side | records | patients | used for |",
        "|---|---|---|---|",
        *(_side(split, side, use) for side, use in _USES.items()),
        "",
        *(f"- {_text(note)}" for note in split["notes"]),
        *(
            f"- Named overlap: {_text(' and '.join(pair))} are one patient."
            for pair in split["accepted_overlaps"]
        ),
        f"- Judged on {_text(title)}, {summary['records']} records of {summary['patients']} patients.",
        f"- Fingerprint of the files: `{model['fingerprint']}`",
        "",
        "## Results",
        "",
        f"With {100 * summary['resampling']['level']:g} % BCa intervals from "
        f"{summary['resampling']['resamples']:,} draws of whole patients.",
        "",
        f"(a) Classes at the reference's beat positions, scheme {summary['scheme']}:",
        "",
        "| class | beats | sensitivity | +P | F1 |",
        "|---|---|---|---|---|",
        *(_class(summary, name) for name in summary["classes"]),
        "",
        f"- accuracy {_figure(summary['intervals']['accuracy'])}",
        f"- macro-F1 over {' '.join(summary['macro_f1_classes'])}: "
        f"{_figure(summary['intervals']['macro_f1'], factor=1.0)}",
        "",
    ]
    for scheme, ec57 in summary["ec57"].items():
        lines += _ec57(scheme, ec57)
    lines += ["## Limits", "", *(f"- {limit}" for limit in _limits(summary)), ""]
    return "\n".join(lines)


_USES = {
    "train": "weights, class weights",
    "validation": "best epoch (unless judge=last), temperature, thresholds",
    "test": "these results",
}
_PRINTED = {
    "qrs_sensitivity": "QRS sensitivity",
    "qrs_positive_predictivity": "QRS +P",
    "veb_sensitivity": "VEB sensitivity",
    "veb_positive_predictivity": "VEB +P",
    "sveb_sensitivity": "SVEB sensitivity",
    "sveb_positive_predictivity": "SVEB +P",
}


def _side(split: Mapping[str, Any], side: str, use: str) -> str:
    records = split[side]
    return f"| {side} | {len(records)} | {len(set(records.values()))} | {use} |"


def _class(summary: Mapping[str, Any], name: str) -> str:
    found = summary["intervals"]
    return (
        f"| {_text(name)} | {summary['classes'][name]['support']:,} | "
        f"{_figure(found[f'{name}_sensitivity'])} "
        f"| {_figure(found[f'{name}_positive_predictivity'])} | {_figure(found[f'{name}_f1'], factor=1.0)} |"
    )


def _ec57(scheme: str, ec57: Mapping[str, Any]) -> list[str]:
    return [
        f"(b) EC57 with the application's own beat positions, scheme {scheme}, from {ec57['start_s']:g} s, "
        f"window {1000 * ec57['window_s']:g} ms:",
        "",
        "| | gross |",
        "|---|---|",
        *(f"| {words} | {_figure(ec57['intervals'][key])} |" for key, words in _PRINTED.items()),
        "",
    ]


def _limits(summary: Mapping[str, Any]) -> list[str]:
    rare = [name for name, score in summary["classes"].items() if score["support"] < 100]
    limits = [
        "Judged on recordings of one database; other devices, leads and patients may differ.",
        f"{summary['patients']} patients are few: the intervals above say how few.",
        "The QRS detector's constants were set by hand with an eye on errors in the whole MIT-BIH Arrhythmia "
        "Database: (b) is optimistic about finding beats there.",
        "Classes are learned from windows around beats; rhythms such as atrial fibrillation are not named.",
    ]
    if rare:
        limits.append(f"Fewer than 100 beats of {', '.join(rare)}: these figures say little.")
    if summary["fitted_on_validation"] is None:
        limits.append("Probabilities are not calibrated here: the validation records were not at hand.")
    return limits


def _figure(found: Mapping[str, Any], *, factor: float = 100.0) -> str:
    if found["estimate"] is None:
        return "—"
    digits = 1 if factor == 100.0 else 3
    unit = " %" if factor == 100.0 else ""
    text = f"{factor * found['estimate']:.{digits}f}{unit}"
    if found["bca"] is None:
        return text
    low, high = (f"{factor * end:.{digits}f}" for end in found["bca"])
    return f"{text} ({low} to {high})"


def _text(value: Any) -> str:
    """Take Markdown's own signs out of a text that comes from records or options."""
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in str(value).replace("\n", " "))
