"""Records a run with wandb offline, as its page "Quickstart" says."""

from __future__ import annotations

import wandb
from answering import STORE, answer
from recorded_content import NUMBERS, PARAMETERS, write_result

# Written before the clock starts, as wandb copies a file that is there.
RESULT = write_result(STORE.parent)


def run():
    """Record one run."""
    with wandb.init(project="bench", mode="offline", dir=STORE, config=PARAMETERS) as recorded:
        recorded.log(NUMBERS)
        recorded.log_artifact(RESULT, name="result", type="result")


if __name__ == "__main__":
    answer(run=run)
