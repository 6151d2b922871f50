"""The model card: what a checkpoint is, what it is for, where it fails, and how well it does, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ecgrnn.reports.figures import counted, estimate, interval_note, network_line

_SUBSETS = ("train", "validation", "test")


def model_card(summary: Mapping[str, Any], *, title: str) -> str:
    """Write the card of a beat classifier.

    Args:
        summary: content of ``summary.json``.
        title: full name of the database it is evaluated on.
    """
    results = [
        f"(a) Classes at the reference's beat positions, scheme {summary['scheme']}:",
        "",
        "| class | beats | patients | sensitivity | +P | F1 |",
        "|---|---|---|---|---|---|",
        *(_class(summary, name) for name in summary["classes"]),
        "",
        f"- accuracy {estimate(summary['intervals']['accuracy'])}",
        f"- macro-F1 over {' '.join(summary['macro_f1_classes'])}: "
        f"{estimate(summary['intervals']['macro_f1'], as_percent=False)}",
        "",
    ]
    for scheme, ec57 in summary["ec57"].items():
        results += _ec57(scheme, ec57)
    what = (
        f"says which class a heartbeat of an ECG has: {', '.join(summary['classes'])} of label scheme "
        f"{summary['scheme']}"
    )
    return task_card(summary, title=title, what=what, results=results, limits=_beat_limits(summary))


def task_card(
    summary: Mapping[str, Any],
    *,
    title: str,
    what: str,
    results: Sequence[str],
    limits: Sequence[str] = (),
) -> str:
    """Write the card of a model of any task.

    Args:
        summary: content of ``summary.json``.
        title: full name of the database it is evaluated on.
        what: what the network does, as the end of a sentence.
        results: the figures, as lines of Markdown.
        limits: what only this task must say of its limits.
    """
    model, split = summary["model"], summary["audit"]["split"]
    lines = [
        "# Model card",
        "",
        f"A recurrent network ({network_line(model)}) that {what}.",
        "",
        "## Intended use",
        "",
        f"{summary['limits']} It is made to compare methods on public databases.",
        "",
        "## Data",
        "",
        f"Trained and validated on {_text(model['database'])}, split {_text(split['name'])}, by patient:",
        "",
        "| subset | records | patients | used for |",
        "|---|---|---|---|",
        *(_side(summary, side) for side in _SUBSETS),
        "",
        *(f"- {_text(note)}" for note in split["notes"]),
        *(
            f"- Named overlap: {_text(' and '.join(pair))} are one patient."
            for pair in split["accepted_overlaps"]
        ),
        f"- Evaluated on {_text(title)}: {counted(summary['records'], 'record')} of "
        f"{counted(summary['patients'], 'patient')}.",
        f"- Fingerprint of the files: `{model['fingerprint']}`",
        *(f"- {_text(check['name'])}: {_verdict(check)}" for check in summary["audit"]["checks"]),
        "",
        "## Results",
        "",
        *([interval_note(summary, method=_method(summary)), ""] if "resampling" in summary else []),
        *results,
        "## Limits",
        "",
        *(f"- {limit}" for limit in [*_limits(summary), *limits]),
        "",
    ]
    return "\n".join(lines)


_PRINTED = {
    "qrs_sensitivity": "QRS sensitivity",
    "qrs_positive_predictivity": "QRS +P",
    "veb_sensitivity": "VEB sensitivity",
    "veb_positive_predictivity": "VEB +P",
    "sveb_sensitivity": "SVEB sensitivity",
    "sveb_positive_predictivity": "SVEB +P",
}


def _side(summary: Mapping[str, Any], side: str) -> str:
    """Say how many records a subset has, and what was fitted or chosen on it."""
    audit = summary["audit"]
    records = audit["split"][side]
    uses = [_text(one["what"]) for one in audit["fitted"] if one["on"] == side]
    use = "these results" if side == "test" else "; ".join(uses)
    return f"| {side} | {len(records):,} | {len(set(records.values())):,} | {use} |"


def _verdict(check: Mapping[str, Any]) -> str:
    words = {True: "proved", False: "failed", None: "not looked at"}
    return f"{words[check['passed']]} ({_text(check['detail'])})"


def _method(summary: Mapping[str, Any]) -> str:
    return str(summary["resampling"].get("method", "BCa"))


def _class(summary: Mapping[str, Any], name: str) -> str:
    found, score = summary["intervals"], summary["classes"][name]
    return (
        f"| {_text(name)} | {score['support']:,} | {score['patients']:,} "
        f"| {estimate(found[f'{name}_sensitivity'])} | {estimate(found[f'{name}_positive_predictivity'])} "
        f"| {estimate(found[f'{name}_f1'], as_percent=False)} |"
    )


def _ec57(scheme: str, ec57: Mapping[str, Any]) -> list[str]:
    return [
        f"(b) EC57 with detected beats, scheme {scheme}, from {ec57['start_s']:g} s, "
        f"window {1000 * ec57['window_s']:g} ms:",
        "",
        "| | patients | gross |",
        "|---|---|---|",
        *(
            f"| {words} | {ec57['intervals'][key]['patients']} | {estimate(ec57['intervals'][key])} |"
            for key, words in _PRINTED.items()
        ),
        "",
    ]


def _limits(summary: Mapping[str, Any]) -> list[str]:
    limits = ["Evaluated on recordings of one database; other devices, leads and patients may differ."]
    note = summary.get("interval_note")
    if note:
        limits.append(note)
    return limits


def _beat_limits(summary: Mapping[str, Any]) -> list[str]:
    rare = [name for name, score in summary["classes"].items() if score["support"] < 100]
    limits = [
        "The QRS detector's constants were set by hand with an eye on errors in the whole MIT-BIH Arrhythmia "
        "Database: (b) is optimistic about finding beats there.",
        "Classes are learned from windows around beats; rhythms such as atrial fibrillation are not named.",
    ]
    if rare:
        limits.append(f"Fewer than 100 beats of {', '.join(rare)}: these figures say little.")
    if summary["fitted_on_validation"] is None:
        limits.append("Probabilities are not calibrated here: the validation records were not at hand.")
    return limits


def _text(value: Any) -> str:
    """Take Markdown's own signs out of a text that comes from records or options."""
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in str(value).replace("\n", " "))
