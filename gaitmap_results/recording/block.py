"""Open a block of code in which challenges are recorded."""

from __future__ import annotations

import inspect
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

    When the block begins, before anything is computed, all arguments are checked, and the state of the code, the
    machine and the packages is recorded.
    When it ends, each challenge that ran is saved, as by :func:`gaitmap_results.save_run`.
    If the block raises before a challenge has finished, nothing is published, and the journal in ``.unfinished`` says
    why; a challenge that had already finished is saved as a debug run.
    The exception is raised in both cases.

    Parameters
    ----------
    entry_name
        The name of the entry; a tuple of strings makes nested folders.
    challenge
        The challenge to save.
        Only needed where its ``run`` cannot be observed, see :func:`gaitmap_results.observe_challenges`.
    custom_metadata
        What the author of the entry wants to store beside the results.
        Can be filled in the block, too: ``r.custom_metadata["note"] = "..."``.
        Files of your own go to ``r.files_dir``.
    path, debug_run, stored_filenames_relative_to, use_git, git_dirty_ignore, debug_folder_prefix
        As in :func:`gaitmap_results.save_run`.
    handle_signals
        Names of signals that end the block in order, as an exception would, for example ``("SIGTERM",)`` for the time
        limit of a Slurm job.
        Only in the main thread.
    sample_resources_s
        Look at the memory and the CPU time of the run's processes every so many seconds, for example ``1``, in a thread
        that needs at most 0.5 % of a processor.
        ``resources`` in metadata.json then tells also about processes that ended during the run, and the run gives
        signs of life that can be seen from other computers.
        By default there is no thread, and processes are looked at on entering and on leaving.
    _force_local_debug_run_setting, _caller_file_path_stack_offset
        As in :func:`gaitmap_results.save_run`.

    Returns
    -------
    recorder
        To be used once, with ``with``.

    Raises
    ------
    GaitmapResultsError
        On entering, if anything about the arguments, the config or the results folder is wrong; on leaving, if the run
        could not be stored as it should (``path`` then says where the core results are), or if no challenge was found.

    Warns
    -----
    DebugRunWarning
        If you asked for an official run and it will be a debug run; every reason is named, on entering where possible.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import BaseChallenge, recorded_run
    >>> class CountSteps(BaseChallenge):
    ...     VERSION = "1.0.0"
    ...
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...         return self
    ...
    ...     def save_core_results(self, folder_path):
    ...         _ = (folder_path / "steps.txt").write_text(str(self.n_steps_))
    ...
    ...     @classmethod
    ...     def load_core_results(cls, folder_path):
    ...         return (folder_path / "steps.txt").read_text()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with recorded_run("constant", path=folder, use_git=False) as r:
    ...         _ = CountSteps().run(lambda: 12)
    ...     r.metadata_["is_debug_run"], (r.path_ / "results" / "steps.txt").read_text()
    (True, '12')
    """
    options = locals().copy()
    recorder = Recorder(options, find_caller(check_offset(_caller_file_path_stack_offset)))
    recorder.not_entered = expect_entering(recorder, entry_name)
    return recorder


_SIGNATURE = inspect.signature(recorded_run)


def block_options(entry_name: Any, **options: Any) -> dict[str, Any]:
    """Return all options of :func:`recorded_run` by their names, those that are not given with their defaults.

    Raises
    ------
    TypeError
        If there is no such option.
    """
    call = _SIGNATURE.bind(entry_name, **options)
    call.apply_defaults()
    return dict(call.arguments)


def current_recorder() -> Recorder | None:
    """Return the recorder of the innermost open block that the running code belongs to, or ``None``.

    Examples
    --------
    >>> from gaitmap_results import current_recorder
    >>> current_recorder() is None
    True
    """
    block = _open_blocks.find_block()
    return block if isinstance(block, Recorder) else None
