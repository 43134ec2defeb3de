"""The directive ``schema-table``: a part of a JSON Schema of the reference as a table, so that both say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

REFERENCE = Path(__file__).parents[1] / "reference"
_WORDS = {"any": "any", "string": "text", "object": "object", "array": "list", "integer": "integer", "number": "number"}


class SchemaTable(SphinxDirective):
    """Shows the keys of one object of the schema; the argument names it, without one it is the whole record.

    The content chooses some of them, the option ``nested`` adds the keys of the objects inside.
    The option ``file`` names the schema, without one it is that of metadata.json.
    """

    optional_arguments = 1
    option_spec = {"nested": directives.flag, "file": directives.unchanged}  # noqa: RUF012  # docutils reads it from the class
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        file = REFERENCE / f"{self.options.get('file', 'metadata')}.schema.json"
        self.env.note_dependency(str(file))
        schema = json.loads(file.read_text(encoding="utf-8"))
        part = schema
        for name in "".join(self.arguments).split("."):
            found = part.get("items") if name == "items" else part.get("properties", {}).get(name)
            part = _resolved(found or schema.get("$defs", {}).get(name, part), schema)
        rows = list(_rows(part, schema, nested="nested" in self.options))
        chosen = " ".join(self.content).split() or [key for key, _, _ in rows]
        missing = set(chosen) - {key for key, _, _ in rows}
        if missing or not rows:
            raise self.error(f"the schema has no {sorted(missing) or self.arguments}")
        lines = ["| key | value | meaning |", "|---|---|---|"]
        lines += [f"| `{key}` | {value} | {meaning} |" for key, value, meaning in rows if key in chosen]
        return self.parse_text_to_nodes("\n".join(lines))


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a part with what it refers to; its own words count more."""
    if "$ref" not in part:
        return part
    return {**schema["$defs"][part["$ref"].rpartition("/")[2]], **part}


def _rows(part: dict[str, Any], schema: dict[str, Any], *, nested: bool, above: str = "") -> Iterator[tuple[str, ...]]:
    for name, raw in part.get("properties", {}).items():
        value = _resolved(raw, schema)
        yield f"{above}{name}", _value(value, schema), value.get("description", "").replace("|", "\\|")
        inner = value if "properties" in value else _resolved(value.get("items", {}), schema)
        if nested and "properties" in inner:
            yield from _rows(inner, schema, nested=True, above=f"{above}{name}.")


def _value(part: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say in words what a value can be."""
    if "const" in part:
        return json.dumps(part["const"])
    if "enum" in part:
        return ", ".join("null" if each is None else f"`{each}`" for each in part["enum"])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_value(_resolved(each, schema), schema) for each in part["anyOf"]))
    kinds = part.get("type", ["any"])
    names = []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        inner = part.get("items", {}).get("type")
        name = {"boolean": "true, false", "null": "null"}.get(kind) or _WORDS[kind]
        names.append(f"list of {_WORDS[inner]}s" if kind == "array" and inner in ("string", "object") else name)
    return " or ".join(names).replace("list of texts", "list of text")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("schema-table", SchemaTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
