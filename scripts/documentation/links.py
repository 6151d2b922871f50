"""Reads the finished site: every link inside it leads somewhere, and nothing is fetched from elsewhere."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The anchors of a page, where it leads, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag in ("a", "area"):
            self.links += [found["href"]] if "href" in found else []
        elif tag not in ("meta", "form"):
            self.loads += [found[name] for name in ("src", "href", "srcset", "data") if name in found]


def faults(site: Path) -> list[str]:
    """List links that lead nowhere, and addresses outside the site that a page or a style sheet loads."""
    pages = {page: _Page(page.read_text(encoding="utf-8")) for page in sorted(site.rglob("*.html"))}
    found = []
    for page, content in pages.items():
        name = page.relative_to(site)
        found += [f"{name}: loads {address}" for address in content.loads if _is_outside(address)]
        if name.name != "404.html":  # its links are meant from the root of a server
            inside = [address for address in content.links + content.loads if not _is_outside(address)]
            found += [
                f"{name}: {address} leads nowhere" for address in inside if not _leads(page, address, pages)
            ]
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        found += [f"{sheet.relative_to(site)}: loads {address}" for address in _loaded_by(text)]
    return found


def _is_outside(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") or bool(parts.netloc)


def _leads(page: Path, address: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(address)
    if parts.scheme:  # data:, mailto:
        return True
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return False
    inside = pages.get(target)
    return not parts.fragment or inside is None or unquote(parts.fragment) in inside.anchors | {"__top"}


def _loaded_by(sheet: str) -> Iterator[str]:
    for found in re.finditer(r"(?:url\(|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", sheet):
        yield found[1]
