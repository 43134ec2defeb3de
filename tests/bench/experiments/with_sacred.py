"""Records a run with sacred and its file observer, as its page "Quickstart" says."""

from __future__ import annotations

from answering import STORE, answer
from given import NUMBERS, PARAMETERS, write_result
from sacred import Experiment
from sacred.observers import FileStorageObserver

experiment = Experiment("bench")
experiment.observers.append(FileStorageObserver(STORE))
experiment.add_config(PARAMETERS)
# Written before the clock starts, as sacred copies a file that is there.
RESULT = write_result(STORE.parent)


@experiment.main
def entry(_run):
    """Hand over what there is to store."""
    for name, value in NUMBERS.items():
        _run.log_scalar(name, value)
    _run.add_artifact(RESULT)


def run():
    """Record one run."""
    experiment.run()


if __name__ == "__main__":
    answer(run=run)
