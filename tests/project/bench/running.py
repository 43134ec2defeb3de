"""The command line of the benchmarks: what to measure, where, and where the tables go."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from machine import describe_machine
from measuring import COLUMNS, Plan, Table

__all__ = ["put_into", "run", "run_alone"]

_BEGIN, _END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def run(topics: Mapping[str, Callable[[Plan], Sequence[Table]]], description: str) -> None:
    """Measure what the command line asks for and print Markdown."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("size", nargs="?", choices=["full", "quick"], default="full", help="quick: only try it")
    parser.add_argument("--folder", type=Path, help="where to work, which chooses the disk (default: temporary folder)")
    parser.add_argument("--write", type=Path, help="a file for the tables; in a page with the marks, between them")
    if len(topics) > 1:
        parser.add_argument("--only", nargs="+", choices=topics, metavar="TOPIC", help=", ".join(topics))
    options = parser.parse_args()
    chosen = getattr(options, "only", None) or list(topics)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="bench_") as folder:
        place = Path(os.path.realpath(folder))
        tables = [describe_machine(place)]
        _print(tables[0])
        for name in chosen:
            print(f"Measuring: {name} ...", file=sys.stderr, flush=True)
            (place / name).mkdir()
            found = topics[name](Plan(place / name, options.size == "quick"))
            tables += found
            for table in found:
                _print(table)
    if options.write is not None:
        put_into(options.write, tables)


def run_alone(measure: Callable[[Plan], Sequence[Table]]) -> None:
    """Be the command line of one topic."""
    main = sys.modules["__main__"]
    run({Path(main.__file__).stem: measure}, main.__doc__)


def put_into(file: Path, tables: Sequence[Table]) -> None:
    """Write tables into a file, or between the two marks of a page only the machine and a row for each promise."""
    text = "\n".join(table.markdown() for table in tables)
    if file.exists():
        before, begin, rest = file.read_text(encoding="utf-8").partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if begin and end:
            text = f"{before}{begin}\n{_promises(tables)}\n{end}{after}"
    file.write_text(text, encoding="utf-8")


def _promises(tables: Sequence[Table]) -> str:
    machine, *others = tables
    rows = [row for table in others if table.columns == COLUMNS for row in table.rows if row[-2] != "-"]
    lines = "\n".join(f"- {what}: {is_}" for what, is_ in machine.rows)
    return f"{lines}\n\n{Table('', COLUMNS, rows).table()}\n"


def _print(table: Table) -> None:
    print(table.markdown(), flush=True)
