"""Stores a run with signac, as its page "Quickstart" says."""

from __future__ import annotations

import itertools
from pathlib import Path

import signac
from answering import STORE, answer
from recorded_content import NUMBERS, PARAMETERS, write_result

project = signac.init_project(STORE)
# A job is its parameters; another run of the same ones needs one more.
numbers = itertools.count()


def run():
    """Store one run."""
    job = project.open_job({**PARAMETERS, "run": next(numbers)})
    job.init()
    write_result(Path(job.path))
    job.document.update(NUMBERS)


if __name__ == "__main__":
    answer(run=run)
