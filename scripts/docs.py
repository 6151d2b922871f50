"""Build the documentation as a site, strictly: the course is run, and a link that leads nowhere is an error.

    python scripts/docs.py                   # writes site/; open site/index.html
    python scripts/docs.py --out FOLDER
    python scripts/docs.py --run             # runs the course as plain Python, without the extra docs

Needs the extra docs (pip install -c constraints.txt '.[docs]').
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT)]


def build(out: Path) -> list[str]:
    """Build the site into a folder and list its faults."""
    from documentation.links import faults
    from documentation.offline import make_searchable
    from documentation.pages import lay_out

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lay_out(folder / "docs")
        config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
        (folder / "mkdocs.yml").write_text(config.replace("paths: [.]", f"paths: [{ROOT}]"), encoding="utf-8")
        zensical = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
        done = subprocess.run([*zensical, "-f", str(folder / "mkdocs.yml")], check=False)
        if done.returncode != 0:
            return ["zensical build --strict failed, see above"]
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(folder / "site", out)
    make_searchable(out)
    return faults(out)


def run_chapters() -> list[str]:
    """Run every chapter as plain Python and list those that fail."""
    failed = []
    for chapter in sorted((ROOT / "docs" / "course").glob("[0-9][0-9]_*.py")):
        start = time.monotonic()
        environment = {"OMP_NUM_THREADS": "1"} | os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, chapter.name], cwd=chapter.parent, env=environment, check=False
        )
        print(f"{chapter.name}: {time.monotonic() - start:.0f} s")
        failed += [f"{chapter.name} failed"] * (done.returncode != 0)
    return failed


def main() -> None:
    """Do what the options say; the exit status is 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "site")
    parser.add_argument("--run", action="store_true")
    options = parser.parse_args()
    wrong = run_chapters() if options.run else build(options.out)
    print("\n".join(wrong) or "no faults found")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
