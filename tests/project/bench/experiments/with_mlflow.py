"""Records a run with mlflow, in a SQLite database, as its page "Tracking" says."""

from __future__ import annotations

import mlflow
from answering import STORE, answer
from recorded_content import NUMBERS, PARAMETERS, write_result

mlflow.set_tracking_uri(f"sqlite:///{STORE / 'mlflow.db'}")
mlflow.create_experiment("bench", artifact_location=(STORE / "artifacts").as_uri())
mlflow.set_experiment("bench")
# Written before the clock starts, as mlflow copies a file that is there.
RESULT = write_result(STORE.parent)


def run():
    """Record one run."""
    with mlflow.start_run():
        mlflow.log_params(PARAMETERS)
        mlflow.log_metrics(NUMBERS)
        mlflow.log_artifact(RESULT)


if __name__ == "__main__":
    answer(run=run)
