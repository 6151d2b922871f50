"""Keep the figures of sets of runs in docs/results, and write the tables of README and docs from them.

    python scripts/results.py gather mitdb_beats runs/beats/ds2   # after scripts/folds.py
    python scripts/results.py write                               # every table between markers
    python scripts/results.py write --check                       # exit status 1 where a table would change

``gather`` reads the run folders of scripts/folds.py (``seed-N``, ``seed-N-fold-K``, ``fold-N``) and writes
``docs/results/NAME.json``: the figures of each seed or fold, with options, command, commit and date. A new
NAME needs --title and --command; an existing one keeps its own. Results whose runs are not kept have a file
as well, with the figures that were published (``"runs_kept": false``).
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]

import folds  # noqa: E402
from result_tables import FOLDER, RATIOS, TABLES  # noqa: E402
from trainings import checked_out  # noqa: E402

from ecgrnn.metrics.classification import class_scores, macro_f1  # noqa: E402
from ecgrnn.training.run_folder import WORDS, key_and_value  # noqa: E402

RUN = re.compile(r"(seed-?\d+|fold-?\d+)(-fold-?\d+)?")
"""Folders of one training; those of one seed or fold give figures together."""
SECTION = re.compile(r"<!-- table (.+?) -->\n.*?<!-- end of table -->", re.DOTALL)
MEAN_OVER = {"beats": folds.COMPARED, "strips": folds.RHYTHMS[: len(folds.SCORED)]}
DETECTED = {"QRS": "qrs", "V": "veb", "S": "sveb"}
"""Names in tables to names in EC57 statistics."""
NOT_OPTIONS = {"seed", "data.fold", "run_dir", "trainer.enable_progress_bar"}


def main() -> None:
    """Gather or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command")
    gathering = commands.add_parser("gather", help="read the figures of a set of runs")
    gathering.add_argument("name", help="docs/results/NAME.json")
    gathering.add_argument("runs", type=Path, help="folder of the runs")
    gathering.add_argument("--commit", help="where they were trained; by default the commit checked out")
    gathering.add_argument("--title", help="what was trained and scored")
    gathering.add_argument("--command", dest="made_by", help="the command of scripts/folds.py")
    writing = commands.add_parser("write", help="write the tables of README and docs")
    writing.add_argument("--check", action="store_true", help="only list what would change")
    given = parser.parse_args()
    if given.command == "gather":
        said = {"title": given.title, "command": given.made_by}
        print(gather(given.name, given.runs, commit=given.commit or checked_out(), said=said))
    else:
        changed = write(check=given.check)
        print("\n".join(changed) or "all tables are up to date")
        sys.exit(given.check and bool(changed))


def gather(
    name: str, runs: Path, *, commit: str, said: Mapping[str, str | None] | None = None, folder: Path = FOLDER
) -> str:
    """Write the figures of the runs in a folder to ``NAME.json``, and say how many there are.

    Raises:
        SystemExit: there are no finished runs, their options differ, or title or command are missing.
    """
    found = _runs_in(runs)
    path = folder / f"{name}.json"
    stored = {"title": None, "command": None}
    stored |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    stored |= {key: value for key, value in (said or {}).items() if value}
    if stored["title"] is None or stored["command"] is None:
        raise SystemExit(f"{path} is new: give --title and --command")
    every = [run for group in found.values() for run in group]
    options = {tuple(_options(run)) for run in every}
    if len(options) > 1:
        raise SystemExit(f"{runs}: expected runs with the same options, found {sorted(options)}")
    summaries = {key: [_summary(run) for run in group] for key, group in found.items()}
    last = summaries[max(summaries)][-1]
    stored = {
        "title": stored["title"],
        "recipe": "current",
        "runs_kept": True,
        "command": stored["command"],
        "options": list(options.pop()),
        "commit": commit,
        "date": f"{datetime.fromtimestamp(max(map(_finished, every)), UTC):%Y-%m-%d}",
        "parameters": last["model"]["parameters"],
        "versions": last["versions"],
        "runs": {key: _figures(group) for key, group in summaries.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return f"{path}: {len(found)} {next(iter(found)).rstrip('-0123456789')}s"


def write(*, check: bool = False) -> list[str]:
    """Write every table between markers, and list the files that change."""
    changed = []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = rendered(before, page)
        if after != before:
            changed.append(str(page.relative_to(ROOT)))
            if not check:
                page.write_text(after, encoding="utf-8")
    return changed


def pages() -> list[Path]:
    """List README and the pages of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rendered(text: str, page: Path) -> str:
    """Give a page with the tables of the stored results between its markers."""
    up = "docs/" if page.parent == ROOT else "../" * (len(page.relative_to(ROOT / "docs").parents) - 1)

    def table(found: re.Match[str]) -> str:
        kind, *names = found[1].split()
        if kind not in TABLES:
            raise SystemExit(f"{page}: there is no table {kind!r}; known are {', '.join(TABLES)}")
        return f"<!-- table {found[1]} -->\n{TABLES[kind](names, up)}\n<!-- end of table -->"

    return SECTION.sub(table, text)


def _runs_in(folder: Path) -> dict[str, list[Path]]:
    """Group the finished runs by seed, or by fold where there is one seed."""
    groups: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/summary.json")):
        if named := RUN.fullmatch(path.parent.name):
            groups.setdefault(named[1], []).append(path.parent)
    if not groups:
        raise SystemExit(f"{folder}: expected finished runs of scripts/folds.py, such as {folder}/seed-0")
    return groups


def _summary(run: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return summary


def _finished(run: Path) -> float:
    return (run / "summary.json").stat().st_mtime


def _figures(summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give the figures of one seed or fold; beats of several folds are counted together."""
    if "fiducials" in summaries[0]:
        (summary,) = summaries
        return {"figures": _of_waves(summary)}
    matrix = np.sum([summary["confusion_matrix"] for summary in summaries], axis=0)
    names = list(summaries[0]["classes"])
    scores = dict(zip(names, class_scores(matrix), strict=True))
    mean_over = MEAN_OVER["beats" if "ec57" in summaries[0] else "strips"]
    figures = {f"{name} {ratio}": _number(getattr(scores[name], ratio)) for name in names for ratio in RATIOS}
    figures["mean f1"] = _number(macro_f1(matrix, over=[names.index(name) for name in mean_over]))
    if len(summaries) > 1:
        return {"figures": figures}
    return {"figures": figures | _of_detected_beats(summaries[0]), "intervals": _intervals(summaries[0])}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _of_detected_beats(summary: Mapping[str, Any]) -> dict[str, float | None]:
    if "ec57" not in summary:
        return {}
    statistics = summary["ec57"][summary["scheme"]]["statistics"]
    return {
        f"detected {name} {ratio}": _share(statistics[f"{key}_{ratio}"]["percent"])
        for name, key in DETECTED.items()
        for ratio in RATIOS[:2]
    }


def _share(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _intervals(summary: Mapping[str, Any]) -> dict[str, list[float]]:
    """Give the BCa intervals of F1, of the classes that have one."""
    found = {name: summary["intervals"].get(f"{name}_f1") for name in summary["classes"]}
    return {f"{name} f1": interval["bca"] for name, interval in found.items() if interval and interval["bca"]}


def _of_waves(summary: Mapping[str, Any]) -> dict[str, float | None]:
    keys = (*RATIOS, "mean_ms", "sd_ms", "support")
    parts = {"": summary["fiducials"], "record ": summary["record_fiducials"]}
    return {
        f"{part}{name} {key}": row[key]
        for part, rows in parts.items()
        for name, row in rows.items()
        for key in keys
    }


def _options(run: Path) -> list[str]:
    """Give the options of a training that are the same in every seed and fold."""
    words = yaml.safe_load((run / WORDS).read_text(encoding="utf-8"))
    return [word for word in words if key_and_value(word)[0] not in NOT_OPTIONS]


if __name__ == "__main__":
    main()
