"""Draw the packages of ecgrnn and the imports between them, for CONTRIBUTING.md.

    python scripts/house.py              # prints the drawing and the counts
    python scripts/house.py --write      # writes the drawing into CONTRIBUTING.md

A package stands on the floor that `FLOORS` gives it and may import from its own package and from lower floors
only; `tests/test_architecture.py` checks that and that the drawing in CONTRIBUTING.md is up to date.
"""

import argparse
import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ecgrnn"
PAGE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- house -->", "<!-- end -->"
FLOORS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("errors",), ("options", "models")),
    (("signals", "nn"),),
    (("simulator", "networks", "metrics", "families"),),
    (("data", "reports"),),
    (("tasks",),),
    (("inference", "training"), ("evaluation", "export")),
    (("sweeps",),),
    (("commands",), ("cli",), ("__main__",)),
)
"""Floors from the ground up, in one or more steps; packages on one step do not import each other."""


def heights() -> dict[str, tuple[int, int]]:
    """Give every package's floor and step."""
    return {
        name: (floor, step)
        for floor, steps in enumerate(FLOORS)
        for step, names in enumerate(steps)
        for name in names
    }


def modules() -> list[Path]:
    """Give the files of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def package_of(module: Path) -> str:
    """Give the package, or module at the root, that a file belongs to; the root's ``__init__`` is ''."""
    parts = module.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts == ("__init__",) else parts[0]


def imported(module: Path) -> set[str]:
    """Give the dotted names that a file imports, ``from ecgrnn import errors`` as ``ecgrnn.errors``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "ecgrnn":
            names |= {f"ecgrnn.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def packages_entered(module: Path) -> set[str]:
    """Give the packages of ecgrnn that a file imports from."""
    own = (name.split(".")[1:] for name in imported(module) if name.split(".")[0] == "ecgrnn")
    return {parts[0] if parts and parts[0] in heights() else "" for parts in own}


def arrows() -> dict[str, set[str]]:
    """Give, for every package, the other packages that it imports from."""
    found: dict[str, set[str]] = {name: set() for name in heights()}
    for module in modules():
        here = package_of(module)
        if here:
            found[here] |= packages_entered(module) - {here, ""}
    return found


def drawing() -> str:
    """Draw the floors from the top down: each package with those that it imports from."""
    entered, height = arrows(), heights()
    lines = []
    for floor, steps in reversed(list(enumerate(FLOORS))):
        for names in reversed(steps):
            for name in names:
                below = sorted(entered[name], key=lambda other: (height[other], other), reverse=True)
                lines.append(f"{floor}  {name:<10} -> {', '.join(below)}".rstrip(" ->"))
    return "\n".join(lines)


def counts() -> Iterator[str]:
    """Count lines, files and the length of functions without their docstrings."""
    lines = sum(len(module.read_text(encoding="utf-8").splitlines()) for module in modules())
    yield f"{lines:,} lines in {len(modules())} files"
    folders = {module.parent for module in modules()}
    most = max(folders, key=lambda folder: len(list(folder.glob("*.py"))))
    yield f"most files side by side: {len(list(most.glob('*.py')))} in {most.relative_to(ROOT)}"
    sizes = ((len(module.read_text(encoding="utf-8").splitlines()), module) for module in modules())
    size, longest = max(sizes)
    yield f"longest file: {size} lines, {longest.relative_to(ROOT)}"
    yield f"median function: {statistics.median(_function_lengths()):g} lines without its docstring"


def _function_lengths() -> Iterator[int]:
    for module in modules():
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = ast.get_docstring(node, clean=False) or ""
                yield (node.end_lineno or node.lineno) - node.lineno + 1 - len(docstring.splitlines())


def main() -> None:
    """Print the drawing, or write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write it into CONTRIBUTING.md")
    if not parser.parse_args().write:
        print("\n".join([drawing(), "", *counts()]))
        return
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n```\n{drawing()}\n```\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
