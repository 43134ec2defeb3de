"""Define the demo's four entries, the example of how to record runs: each is an algorithm, tuned or not."""

from __future__ import annotations

from pathlib import Path

from mobgap.data import GenericMobilisedDataset
from mobgap.initial_contacts import IcdHKLeeImproved, IcdIonescu, IcdShinImproved
from mobgap.initial_contacts.base import BaseIcDetector
from mobgap.initial_contacts.evaluation import icd_score
from mobgap.initial_contacts.pipeline import IcdEmulationPipeline
from sklearn.model_selection import ParameterGrid
from tpcp.optimize import BaseOptimize, DummyOptimize, GridSearch

from gaitmap_results import Entry
from gaitmap_results.demo.challenge import InitialContactChallenge

__all__ = ["COMPETITORS", "as_published", "suite"]


def as_published(algorithm: BaseIcDetector) -> BaseOptimize:
    """Return an algorithm that keeps its published parameters instead of being tuned."""
    return DummyOptimize(IcdEmulationPipeline(algorithm), ignore_potential_user_error_warning=True)


# The algorithm can look at the norm of the acceleration or at one axis, here the vertical one.
tuned_axis = GridSearch(
    IcdEmulationPipeline(IcdShinImproved()),
    ParameterGrid({"algo__axis": ["norm", "is"]}),
    scoring=icd_score,
    return_optimized="combined__f1_score",
)

#: The competitors: the name of the entry, what to cite, and how tpcp tunes and runs it.
COMPETITORS = (
    ("shin_improved", "Shin and Park 2011", as_published(IcdShinImproved())),
    ("hklee_improved", "Lee et al. 2010", as_published(IcdHKLeeImproved())),
    ("ionescu", "Paraschiv-Ionescu et al. 2020", as_published(IcdIonescu())),
    ("shin_improved_tuned", "Shin and Park 2011", tuned_axis),
)


def suite(dataset: GenericMobilisedDataset, results: Path) -> list[Entry]:
    """Return the entries as a suite, whose runs are stored below the results folder."""
    return [
        Entry(
            name,
            InitialContactChallenge(dataset),
            optimizer,
            path=results,
            debug_run=False,  # requests an official run; git decides whether it can be one
            custom_metadata={"citation": citation},
        )
        for name, citation, optimizer in COMPETITORS
    ]
