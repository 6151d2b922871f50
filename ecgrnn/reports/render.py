"""Fills in templates of pages, which escape everything but SVG drawn here, and of model cards in Markdown."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ecgrnn.reports import figures

TEMPLATES = Path(__file__).parent / "templates"


def render(template: Path, **data: object) -> str:
    """Fill in a template, which may extend and import those of ``reports/templates``.

    Args:
        template: its file; others in the same folder can be included.
        data: what it names: text, numbers, rows and drawings.
    """
    # every section of a page adds itself to its contents, which the navigation shows
    return _environment(template.parent).get_template(template.name).render(contents=[], **data)


def drawn(*parts: str) -> Markup:
    """Join the pieces of an SVG, text in them escaped already: only this reaches a page as it is."""
    return Markup("".join(parts))


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=lambda name: name is None or not name.endswith(".md"),
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    printed = (
        "percent",
        "share",
        "decimal",
        "interval",
        "clock",
        "counted",
        "estimate",
        "network_line",
        "interval_note",
    )
    environment.filters |= {name: getattr(figures, name) for name in printed}
    environment.filters |= {
        "cell": _cell,
        "listed": _listed,
        "pick": _pick,
        "suffixed": _suffixed,
        "markdown": _markdown,
        "sha256": _sha256,
    }
    return environment


def _cell(value: object) -> object:
    """Print a table's cell: None is a dash, a float has three digits, a whole number has thousands."""
    match value:
        case None:
            return figures.DASH
        case float():
            return figures.decimal(value)
        case int():
            return f"{value:,}"
    return value


def _listed(options: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in options.items() if not isinstance(value, Mapping))


def _pick(row: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    return [row.get(name) for name in names]


def _suffixed(text: str, more: str) -> str:
    return f"{text}{more}"


def _sha256(text: str) -> str:
    """Give the digest by which a page's policy lets its own script run, and no other."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _markdown(text: object) -> str:
    """Take Markdown's own signs out of a text that comes from records or options."""
    return "".join("\\" + sign if sign in "\\`*_[]<>|#" else sign for sign in str(text).replace("\n", " "))
