"""Lets the search of the finished site work where it is opened from a disk, without a server."""

import json
import re
from pathlib import Path

SCRIPT = Path(__file__).with_name("offline.js")
BUNDLE = re.compile(r'<script src="([^"]*assets/javascripts/)bundle\.')


def make_searchable(site: Path) -> None:
    """Write the index as a script, which the bundle of Zensical loads from a disk, and the worker as text."""
    index = (site / "search.json").read_text(encoding="utf-8")
    (site / "search.js").write_text(f"var __index = {index};\n", encoding="utf-8")
    scripts = site / "assets" / "javascripts"
    (worker,) = (scripts / "workers").glob("search.*.js")
    text = json.dumps(worker.read_text(encoding="utf-8"))
    own = SCRIPT.read_text(encoding="utf-8")
    (scripts / SCRIPT.name).write_text(f"const SEARCH_WORKER = {text};\n{own}", encoding="utf-8")
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        html = BUNDLE.sub(rf'<script src="\1{SCRIPT.name}"></script>\g<0>', html)
        page.write_text(html, encoding="utf-8")
