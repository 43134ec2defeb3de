"""Draw the folders of the package, row above row, each with what it imports from.

Run as ``python tests/project/draw_folders.py`` to see the text of the picture.
The documentation calls ``draw`` when it is built, so that the picture is always that of the imports.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from html import escape
from pathlib import Path

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "tests" / "support"))

import layers  # noqa: E402 - found only now

__all__ = ["draw", "folder_imports"]

_WIDTH = 720
_GAP = 12
_LINE = 15
_CHARACTER = 6.4


def folder_imports(package: Path) -> dict[str, set[str]]:
    """Return the folders and root modules of a package, each with those that it imports from."""
    found: dict[str, set[str]] = {layers.unit(module): set() for module in layers.modules_of(package)}
    for each in layers.imports_of(package):
        importer, target = layers.unit(each.importer), layers.unit(each.target)
        if each.internal and importer != target:
            found[importer].add(target)
    return found


def draw(package: Path) -> str:
    """Return the picture as SVG."""
    imports = folder_imports(package)
    drawn: list[str] = []
    top = 4
    for row in reversed(layers.ROWS):
        names = sorted(row & imports.keys())
        if names:
            height = _draw_row(drawn, top, {name: (_sentence(package, name), imports[name]) for name in names})
            top += height + _GAP
    label = "The folders of the package; each imports from the rows below it"
    start = f'<svg viewBox="0 0 {_WIDTH} {top}" role="img" aria-label="{label}">'
    return "\n".join(['<div class="picture wide">', start, *drawn, "</svg>", "</div>", ""])


def _draw_row(drawn: list[str], top: int, boxes: dict[str, tuple[str, set[str]]]) -> int:
    """Draw boxes beside each other and return their height."""
    width = (_WIDTH - 8 - _GAP * (len(boxes) - 1)) / len(boxes)
    characters = int((width - 20) / _CHARACTER)
    texts = {
        name: textwrap.wrap(sentence, characters)
        + textwrap.wrap(f"imports {', '.join(sorted(targets))}" if targets else "imports nothing", characters)
        for name, (sentence, targets) in boxes.items()
    }
    height = 30 + _LINE * max(map(len, texts.values()))
    for place, (name, lines) in enumerate(texts.items()):
        left = 4 + place * (width + _GAP)
        shown = layers.PACKAGE if name == layers.ROOT else name
        size = f'width="{width:.0f}" height="{height}"'
        drawn.append(f'<rect class="box" x="{left:.0f}" y="{top}" {size} rx="6"/>')
        drawn.append(f'<text class="mono" x="{left + 10:.0f}" y="{top + 20}">{escape(shown)}</text>')
        drawn += [
            f'<text class="small" x="{left + 10:.0f}" y="{top + 37 + number * _LINE}">{escape(line)}</text>'
            for number, line in enumerate(lines)
        ]
    return height


def _sentence(package: Path, name: str) -> str:
    """Return the first sentence of a folder's or a module's docstring."""
    file = package / name / "__init__.py" if (package / name).is_dir() else package / f"{name}.py"
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).removesuffix(".").replace("`", "")


if __name__ == "__main__":
    print(draw(TOP / layers.PACKAGE))
