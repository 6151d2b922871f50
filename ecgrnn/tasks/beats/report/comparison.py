"""The report's comparison of two checkpoints on the same records."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ecgrnn.reports.page import Html, few_patients_note, percent, section, table
from ecgrnn.tasks.beats.report.tables import statistic_words


def comparison_section(summary: Mapping[str, Any]) -> str:
    """Show two checkpoints side by side, compared patient by patient."""
    comparison = summary["comparison"]
    parts = []
    titles = {"reference_positions": "reference beat positions", "ec57": "own beat positions (EC57)"}
    for convention, words in titles.items():
        rows = [
            [
                statistic_words(name),
                found["patients"],
                percent(found["first"]),
                percent(found["second"]),
                _points(found),
                "—" if found["p_value"] is None else f"{found['p_value']:.3g}",
            ]
            for name, found in comparison[convention].items()
            if found["first"] is not None or found["second"] is not None
        ]
        parts.append(
            table(
                ["", "patients", "first", "second", "second less first, points", "p"],
                rows,
                caption=f"Scheme {summary['scheme']}, {words}; paired draws of patients, BCa",
            )
        )
    return section(
        "comparison",
        "Two checkpoints on the same records",
        "<p>First is <code>checkpoint</code>, second is <code>compare</code>. Each draw takes "
        "both checkpoints' beats "
        "of a patient. p is two-sided, from exchanging both checkpoints' results patient by patient, and not "
        "corrected for the number of lines.</p>",
        few_patients_note(summary),
        f'<p class="note">first: {escape(_model_line(comparison["first"]))}<br>'
        f"second: {escape(_model_line(comparison['second']))}</p>",
        *parts,
    )


def _points(found: Mapping[str, Any]) -> Html:
    if found["difference"] is None:
        return Html("—")
    text = f"{100 * found['difference']:+.2f}"
    if found["bca"] is None:
        return Html(f"{text} <span class='ci'>(no interval)</span>")
    low, high = found["bca"]
    return Html(f'{text} <span class="ci">({100 * low:+.2f} to {100 * high:+.2f})</span>')


def _model_line(model: Mapping[str, Any]) -> str:
    encoder = model["network"]["options"]["encoder"]
    return (
        f"{encoder['cell']} {encoder['num_layers']} x {encoder['hidden_size']}, "
        f"{model['parameters']:,} parameters, "
        f"trained on {model['database']} {model['split']}, seed {model['seed']}"
    )
