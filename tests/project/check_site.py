"""Check the built documentation as a reader meets it: links lead somewhere, names have a page, a search finds them.

Run as ``python tests/project/check_site.py HTML``, where ``HTML`` is the folder that Sphinx built.
"""

from __future__ import annotations

import inspect
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.search.en import SearchEnglish

import gaitmap_results
from gaitmap_results import cross_validation, exceptions, mobgap_evaluation
from gaitmap_results.cli import main as command

_PUBLIC = (gaitmap_results, exceptions, cross_validation, mobgap_evaluation)
# What has an address of its own on a page of every theme, without being content.
_NOT_CONTENT = ("genindex.html", "search.html")


class Links(HTMLParser):
    """Collects where a page leads to, and what can be led to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        given = dict(attrs)
        self.anchors.update(filter(None, [given.get("id"), given.get("name")]))
        target = given.get("href") if tag in ("a", "link") else given.get("src")
        if target:
            self.targets.append(target)


def main(site: Path) -> None:
    """Check all pages; end with the list of what is wrong."""
    pages = {}
    for file in sorted(site.rglob("*.html")):
        if "_static" in file.parts:
            continue  # templates of the theme
        pages[file] = Links()
        pages[file].feed(file.read_text(encoding="utf-8"))
    problems = [problem for file in pages for problem in broken_links(file, pages, site)]
    problems += missing_names(pages) + missing_words(site)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(pages)} pages: every link within them leads somewhere, every public name has its place")


def broken_links(file: Path, pages: dict[Path, Links], site: Path) -> list[str]:
    """Say which links of a page lead nowhere."""
    problems = []
    for target in pages[file].targets:
        parts = urlsplit(target)
        if parts.scheme or parts.netloc or target == "#" or file.name in _NOT_CONTENT:
            continue
        path = (file.parent / unquote(parts.path)).resolve() if parts.path else file
        anchors = pages[path].anchors if path in pages else set()
        if not path.is_file() or (path.suffix == ".html" and parts.fragment and unquote(parts.fragment) not in anchors):
            problems.append(f"{file.relative_to(site)}: {target} leads nowhere")
    return problems


def missing_names(pages: dict[Path, Links]) -> list[str]:
    """Say which public names have no entry in the reference."""
    anchors = set().union(*(page.anchors for page in pages.values()))
    names = [f"{module.__name__}.{name}" for module in _PUBLIC for name in module.__all__ if name[:2] != "__"]
    return [f"{name} is public and has no entry in the reference" for name in names if name not in anchors]


def missing_words(site: Path) -> list[str]:
    """Say which errors, warnings, options and commands no search finds."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text[text.index("{") : text.rindex("}") + 1])
    stems = {*index["terms"], *index["titleterms"]}
    commands = command.commands  # type: ignore[attr-defined]
    names = {*exceptions.__all__, *commands, *gaitmap_results.LocalConfig.__dataclass_fields__}
    names |= set(inspect.signature(gaitmap_results.recorded_run).parameters)
    for each in commands.values():
        names |= {option.lstrip("-") for parameter in each.params for option in parameter.opts if option[:2] == "--"}
    words = {word.lower() for name in names for word in name.split("-") if len(word) > 2}
    stem = SearchEnglish({}).stem
    return [f"a search for {word!r} finds nothing" for word in sorted(words) if stem(word) not in stems]


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
