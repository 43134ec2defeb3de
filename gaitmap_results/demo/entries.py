"""The demo's four entries, the example of how to record runs: each is an algorithm, tuned or not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mobgap.data import GenericMobilisedDataset
from mobgap.initial_contacts import IcdHKLeeImproved, IcdIonescu, IcdShinImproved
from mobgap.initial_contacts.base import BaseIcDetector
from mobgap.initial_contacts.evaluation import icd_score
from mobgap.initial_contacts.pipeline import IcdEmulationPipeline
from sklearn.model_selection import ParameterGrid
from tpcp.optimize import BaseOptimize, DummyOptimize, GridSearch

from gaitmap_results import Recorder, recorded_run
from gaitmap_results.demo.challenge import InitialContactChallenge

__all__ = ["ENTRIES", "Entry", "as_published", "record_entry"]


@dataclass(frozen=True)
class Entry:
    """One competitor: its name, what to cite, and how tpcp tunes and runs it."""

    name: str
    citation: str
    optimizer: BaseOptimize


def as_published(algorithm: BaseIcDetector) -> BaseOptimize:
    """Return an algorithm that is not tuned, but keeps the parameters it was published with."""
    return DummyOptimize(IcdEmulationPipeline(algorithm), ignore_potential_user_error_warning=True)


# The algorithm can look at the norm of the acceleration or at one axis, here the vertical one.
tuned_axis = GridSearch(
    IcdEmulationPipeline(IcdShinImproved()),
    ParameterGrid({"algo__axis": ["norm", "is"]}),
    scoring=icd_score,
    return_optimized="combined__f1_score",
)

ENTRIES = (
    Entry("shin_improved", "Shin and Park 2011", as_published(IcdShinImproved())),
    Entry("hklee_improved", "Lee et al. 2010", as_published(IcdHKLeeImproved())),
    Entry("ionescu", "Paraschiv-Ionescu et al. 2020", as_published(IcdIonescu())),
    Entry("shin_improved_tuned", "Shin and Park 2011", tuned_axis),
)


def record_entry(entry: Entry, dataset: GenericMobilisedDataset, results: Path) -> Recorder:
    """Run an entry as a recorded run below the results folder, and return its recorder."""
    challenge = InitialContactChallenge(dataset)
    with recorded_run(
        entry.name,
        path=results,
        debug_run=False,  # asks for an official run; git then says whether it can be one
        custom_metadata={"citation": entry.citation},
    ) as recorder:
        challenge.run(entry.optimizer)
    return recorder
