"""Records a run with sacred and its file observer, as its page "Quickstart" says.

sacred asks git when an ``Experiment`` is made, and its documentation makes one for each script, which runs once.
With the argument ``kept`` one is made for all runs, which then all store what git said at first.
"""

from __future__ import annotations

import sys

from answering import STORE, answer
from recorded_content import NUMBERS, PARAMETERS, write_result
from sacred import Experiment
from sacred.observers import FileStorageObserver

# Written before the clock starts, as sacred copies a file that is there.
RESULT = write_result(STORE.parent)


def entry(_run):
    """Hand over what there is to store."""
    for name, value in NUMBERS.items():
        _run.log_scalar(name, value)
    _run.add_artifact(RESULT)


def new_experiment():
    """Make what can be run."""
    experiment = Experiment("bench")
    experiment.observers.append(FileStorageObserver(STORE))
    experiment.add_config(PARAMETERS)
    experiment.main(entry)
    return experiment


def run():
    """Record one run."""
    (KEPT or new_experiment()).run()


if __name__ == "__main__":
    KEPT = new_experiment() if "kept" in sys.argv else None
    answer(run=run)
