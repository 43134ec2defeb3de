"""Measures what each stage of one recorded block costs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from measuring import Plan, Table, show_amount
from running import run_alone
from sessions import Session

__all__ = ["INSIDE", "STAGES", "measure"]

# In the order in which they begin. What a stage calls that has a row of its own counts there alone.
_PROVENANCE = "gaitmap_results.provenance"
STAGES = {
    "checking names, options and folders": ["gaitmap_results.saving.plan:make_plan"],
    "git at the start": [f"gaitmap_results.provenance.collecting:{name}" for name in ("_start_git", "_finish_git")],
    "installed packages": ["gaitmap_results.provenance.packages:installed_packages"],
    "machine, limits and process": [
        *(f"gaitmap_results.provenance.machine:{name}_info" for name in ("cpu", "os", "memory", "limits", "slurm")),
        "gaitmap_results.provenance.process_identity:current_process",
    ],
    "folder of the unfinished run": ["gaitmap_results.store.staging:Staging.__init__"],
    "journal": [f"gaitmap_results.store.journal:Journal.{name}" for name in ("write", "set_aside", "remove")],
    "CPU time and memory": [
        f"gaitmap_results.provenance.resources:ResourceMeter.{name}" for name in ("start", "finish")
    ],
    "core results, through to the disk": ["gaitmap_results.store.staging:Staging.save_core_results"],
    "what the challenge says about itself": [
        "gaitmap_results.saving.challenge_facts:ChallengeFacts.of",
    ],
    "git at the end": [
        f"gaitmap_results.provenance.collecting:PendingEndStatus.{name}" for name in ("__init__", "finish")
    ],
    "putting the metadata together": [
        "gaitmap_results.saving.metadata:MetadataBuilder.__init__",
        "gaitmap_results.saving.metadata:MetadataBuilder.build",
    ],
    "writing the documents": [
        f"gaitmap_results.store.staging:Staging.write_{name}" for name in ("custom_metadata", "metadata")
    ],
    "hashing every file": [f"gaitmap_results.store.manifest:{name}" for name in ("manifest_content", "manifest_line")],
    "rename, and clearing up": ["gaitmap_results.store.staging:Staging.publish"],
}
# These lie across the stages.
INSIDE = {
    "starting git": ["gaitmap_results.provenance.git.processes:GitProcesses.start"],
    "waiting for git": ["gaitmap_results.provenance.git.processes:GitProcesses.answer"],
    "waiting for the disk (`fsync`)": ["os:fsync"],
}


def measure(plan: Plan) -> list[Table]:
    """Measure in one process that does nothing else."""
    rounds = plan.size(full=200, quick=5)
    with Session(plan, "staged_block") as session:
        for _ in range(3):
            session.ask("staged")
        blocks = [session.ask("staged")["value"] for _ in range(rounds)]
    total = statistics.median(block["total"] for block in blocks)
    seen = [name for block in blocks for name in block["seconds"]]
    names = [name for stage in STAGES for name in dict.fromkeys(seen) if name.startswith(stage)]
    rows = [_row(name, blocks, total) for name in names]
    rest = [block["total"] - sum(block["seconds"].get(name, 0.0) for name in STAGES) for block in blocks]
    rows.append(["everything else", "-", *_spread(rest, total)])
    rows.append(["**all of it**", "1", *_spread([block["total"] for block in blocks], total)])
    across = [_row(name, blocks, total) for name in INSIDE if name in seen]
    note = (
        f"The empty block of the first table, {rounds} times in one warm process, with a clock around each stage. "
        "A stage that is called by another one counts for itself alone."
    )
    columns = ("stage", "calls", "takes", "quartiles", "share")
    return [
        Table("Where a recorded block spends its time", columns, rows, [note, *_remarks(blocks)]),
        Table("What lies across the stages", ("what", *columns[1:]), across),
    ]


def _row(name: str, blocks: Sequence[Mapping[str, Any]], total: float) -> list[str]:
    calls = statistics.median(block["calls"].get(name, 0) for block in blocks)
    return [name, f"{calls:g}", *_spread([block["seconds"].get(name, 0.0) for block in blocks], total)]


def _spread(values: Sequence[float], total: float) -> list[str]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [show_amount(middle), f"{show_amount(low)} … {show_amount(high)}", f"{100 * middle / total:.0f} %"]


def _lost(missing: Sequence[str]) -> list[str]:
    """Return the stages of which nothing could be found, and which therefore count as everything else."""
    return [stage for stage, places in {**STAGES, **INSIDE}.items() if set(places) <= set(missing)]


def _remarks(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    lost = _lost(blocks[0]["missing"])
    return [f"NOT measured, as what does it has another name now: {', '.join(lost)}."] if lost else []


if __name__ == "__main__":
    run_alone(measure)
