"""Open a block of code in which challenges are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gaitmap_results.recording.never_entered import expect_entering
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.save_run import check_offset
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.caller import find_caller

__all__ = ["block_options", "current_recorder", "recorded_run"]


def recorded_run(
    entry_name: str | tuple[str, ...],
    *,
    challenge: Any = None,
    custom_metadata: dict[str, Any] | None = None,
    path: str | Path | None = None,
    debug_run: bool | None = None,
    stored_filenames_relative_to: str | Path | None = None,
    use_git: bool = True,
    git_dirty_ignore: Sequence[str] = (),
    debug_folder_prefix: str = "_",
    handle_signals: Sequence[str | int] = (),
    sample_resources_s: float | None = None,
    _force_local_debug_run_setting: bool = False,
    _caller_file_path_stack_offset: int = 0,
) -> Recorder:
    """Record every challenge that runs in a ``with`` block.

    When the block begins, before anything is computed, it checks all arguments and records the state of the code, the
    machine and the packages.
    When it ends, it saves each challenge that ran.
    If the block raises before a challenge has finished, nothing is published.
    The journal in ``.unfinished`` then says why.
    A challenge that had already finished is saved as a debug run.
    The exception is raised in both cases.

    Parameters
    ----------
    entry_name
        The name of the entry; a tuple of strings makes nested folders.
    challenge
        The challenge to save.
        Only needed where its ``run`` cannot be observed, see :func:`gaitmap_results.observe_challenges`.
    custom_metadata
        What you want to store beside the results.
        You can also fill it in the block: ``r.custom_metadata["note"] = "..."``.
        Put your own files into ``r.files_dir``.
    path
        The results folder.
        If not given, the config's is used.
    debug_run
        ``False`` asks for an official run, ``True`` for a debug run.
        If not given, the config's setting is used; if there is none, it is a debug run.
    stored_filenames_relative_to
        The folder that stored paths become relative to.
        The home folder then becomes ``~``, and the name of the user does not appear.
    use_git
        Whether to store the state of the repository that the current working directory is in.
        ``False`` also gives up the check that makes a run with uncommitted changes a debug run.
    git_dirty_ignore
        Files and folders whose changes do not count, relative to the root of the repository.
        Patterns with ``*``, ``?`` or ``[`` work as in ``.gitignore``.
    debug_folder_prefix
        What the folder of a debug run starts with.
    handle_signals
        Names of signals that end the block as an exception would.
        ``("SIGTERM",)``, for example, is for the time limit of a Slurm job.
        This works in the main thread only.
    sample_resources_s
        How often to look at the memory and the CPU time of the run's processes, in seconds, for example ``1``.
        A thread does so, which needs at most 0.5 % of a processor.
        ``resources`` in metadata.json then also covers processes that ended during the run.
        Other computers can then see that the run is alive.
        By default there is no thread; the block looks only when it begins and when it ends.
    _force_local_debug_run_setting
        If ``True``, the config's setting wins over ``debug_run``.
    _caller_file_path_stack_offset
        How many of your own functions stand between the code that should be stored as the caller and this call.

    Returns
    -------
    recorder
        Use it once, with ``with``.

    Raises
    ------
    GaitmapResultsError
        When the block begins, if an argument, the config or the results folder is wrong.
        When it ends, if the run could not be stored as it should, or if no challenge ran.
        ``path`` then says where the core results are.

    Warns
    -----
    DebugRunWarning
        If you asked for an official run and it will be a debug run; every reason is named, on entering where possible.

    Examples
    --------
    >>> from gaitmap_results import recorded_run
    >>> with recorded_run("shin_tuned", path="results") as r:
    ...     challenge.run(optimizer)
    ...     r.custom_metadata["note"] = "first try"
    >>> r.metadata_["is_debug_run"]
    True
    """
    options = locals().copy()
    recorder = Recorder(options, find_caller(check_offset(_caller_file_path_stack_offset)))
    recorder.not_entered = expect_entering(recorder, entry_name)
    return recorder


def block_options(entry_name: Any, **options: Any) -> dict[str, Any]:
    """Return all options of :func:`recorded_run` by name, with defaults for those not given.

    Raises
    ------
    TypeError
        If there is no such option.
    """
    defaults = recorded_run.__kwdefaults__ or {}
    for unknown in options.keys() - defaults.keys():
        raise TypeError(f"recorded_run() got an unexpected keyword argument {unknown!r}")
    return {"entry_name": entry_name, **defaults, **options}


def current_recorder() -> Recorder | None:
    """Return the recorder of the innermost open block that the running code belongs to, or ``None``.

    Examples
    --------
    >>> from gaitmap_results import current_recorder, record_run
    >>> @record_run(path="results")
    ... def shin_tuned():
    ...     challenge.run(optimizer)
    ...     current_recorder().custom_metadata["note"] = "first try"
    >>> shin_tuned()
    >>> current_recorder() is None  # outside of every block
    True
    """
    block = _open_blocks.find_block()
    return block if isinstance(block, Recorder) else None
