"""A cross-validation with the installed tpcp, saved to the folder that is named; a program for one test.

It runs in a process of its own, since tpcp is slow to import and warns about its own dependencies.
"""

from __future__ import annotations

import json
import sys
import warnings

import pandas as pd
from sklearn.model_selection import ParameterGrid
from tpcp import Dataset, Pipeline
from tpcp.optimize import GridSearch
from tpcp.validate import cross_validate

from gaitmap_results.cross_validation import (
    collect_cv_metadata,
    collect_cv_results,
    collect_opti_results,
    save_cv_results,
    save_opti_results,
)


class Trials(Dataset):
    """Six trials of three participants."""

    def create_index(self):
        """Return the trials."""
        return pd.DataFrame({"participant": list("aabbcc"), "trial": list("xyxyxy")})


class Scaling(Pipeline):
    """Returns a multiple of one third."""

    def __init__(self, factor: int = 1) -> None:
        self.factor = factor

    def run(self, datapoint):
        """Return itself; there is nothing to compute."""
        return self


def score(pipeline, datapoint):
    """Return the same score for every trial."""
    return {"score": pipeline.factor / 3, "n": 3}


def main(folder: str) -> None:
    """Run, save, and print what a reader has to find."""
    dataset = Trials()
    optimizer = GridSearch(Scaling(), ParameterGrid({"factor": [1, 2]}), scoring=score, return_optimized="score")
    results = cross_validate(optimizer, dataset, cv=3, scoring=score, return_optimizer=True)
    table = collect_cv_results(results)
    save_cv_results(table, collect_cv_metadata(dataset), folder)
    save_opti_results(collect_opti_results(results), folder)
    labels = next(results[name] for name in results if name.startswith("test_") and name.endswith("data_labels"))
    expected = {"columns": sorted(table.columns), "labels": [list(label) for fold in labels for label in fold]}
    sys.stdout.write(json.dumps(expected))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1])
