"""Records a run with dvclive in a DVC repository, saved as an experiment, as its page "Get started" says."""

from __future__ import annotations

from answering import answer
from dvclive import Live
from recorded_content import NUMBERS, PARAMETERS, write_result


def run():
    """Record one run."""
    with Live() as live:
        live.log_params(PARAMETERS)
        for name, value in NUMBERS.items():
            live.log_metric(name, value)
        live.log_artifact(RESULT)


if __name__ == "__main__":
    from pathlib import Path

    # Written before the clock starts, and in the repository, since dvclive tracks a file that is there.
    RESULT = write_result(Path.cwd()).name
    answer(run=run)
