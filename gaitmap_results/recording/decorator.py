"""Records a block of code, or every call of a function."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

from gaitmap_results.exceptions import InvalidTargetError
from gaitmap_results.recording.recorder import Recorder
from gaitmap_results.saving.plan import SaveOptions
from gaitmap_results.saving.save_run import check_offset
from gaitmap_results.store.layout import check_entry_name
from gaitmap_results.user_code import open_blocks as _open_blocks
from gaitmap_results.user_code.caller import Caller, find_caller
from gaitmap_results.user_code.wrapping import wrap_function

__all__ = ["current_recorder", "record_run", "recorded_run"]

_F = TypeVar("_F", bound=Callable[..., Any])


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
        If an official run was asked for and will not be earned; every reason is named, on entering where possible.

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
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with recorded_run("constant", path=folder, use_git=False) as r:
    ...         _ = CountSteps().run(lambda: 12)
    ...     r.metadata_["is_debug_run"], (r.path_ / "results" / "steps.txt").read_text()
    (True, '12')
    """
    options = SaveOptions(
        path=path,
        debug_run=debug_run,
        stored_filenames_relative_to=stored_filenames_relative_to,
        use_git=use_git,
        git_dirty_ignore=git_dirty_ignore,
        debug_folder_prefix=debug_folder_prefix,
        sample_resources_s=sample_resources_s,
        force_config_setting=_force_local_debug_run_setting,
    )
    caller = find_caller(check_offset(_caller_file_path_stack_offset))
    return Recorder(
        entry_name,
        options,
        caller,
        challenge=challenge,
        custom_metadata=custom_metadata,
        handle_signals=handle_signals,
    )


_SIGNATURE = inspect.signature(recorded_run)


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


@overload
def record_run(function: _F, /) -> _F: ...


@overload
def record_run(
    entry_name: str | tuple[str, ...] | None = None,
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
) -> Callable[[_F], _F]: ...


def record_run(entry_name: Any = None, **options: Any) -> Any:
    """Record every call of a function, as :func:`gaitmap_results.recorded_run` records a block.

    ``@record_run``, ``@record_run("entry")`` and ``@record_run(entry_name=..., path=..., ...)`` all work; without a
    name, the entry has the function's.
    Functions, methods, class methods and static methods can be decorated, plain ones, ``async`` ones and generators;
    they return (or yield) the same as before, and keep name, signature and docstring.
    Each call is recorded on its own.

    Parameters
    ----------
    entry_name
        The name of the entry; a tuple of strings makes nested folders.
    **options
        Every option of :func:`gaitmap_results.recorded_run`.

    Returns
    -------
    decorated
        The function, or a decorator for one.

    Raises
    ------
    InvalidTargetError
        At decoration, if this is a class or a property.
    GaitmapResultsError
        When the function is called, as by :func:`gaitmap_results.recorded_run`.

    Notes
    -----
    The file that is stored as ``caller_file_path`` is the one that calls the function; the function itself is stored as
    ``caller.function``.

    Examples
    --------
    >>> import tempfile
    >>> from gaitmap_results import BaseChallenge, load_run_metadata, record_run
    >>> class CountSteps(BaseChallenge):
    ...     VERSION = "1.0.0"
    ...
    ...     def run(self, optimizer):
    ...         self.n_steps_ = optimizer()
    ...         return self
    ...
    ...     def save_core_results(self, folder_path):
    ...         _ = (folder_path / "steps.txt").write_text(str(self.n_steps_))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...
    ...     @record_run(path=folder, use_git=False)
    ...     def constant(n_steps):
    ...         return CountSteps().run(lambda: n_steps)
    ...
    ...     constant(12).n_steps_
    12
    """
    # A class method, a property and the like cannot be called themselves, but all tell how to be looked up in a class.
    if callable(entry_name) or hasattr(type(entry_name), "__get__"):
        if options:
            raise TypeError("record_run takes either a function, or options: @record_run(...) above the function.")
        return _decorate(entry_name, None, {})
    _SIGNATURE.bind("", **options)  # an unknown option is a TypeError now, not after the first call
    if entry_name is not None:
        check_entry_name(entry_name)
    return lambda function: _decorate(function, entry_name, options)


def _decorate(function: Any, entry_name: Any, options: dict[str, Any]) -> Any:
    inner = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
    if isinstance(function, type):
        raise InvalidTargetError(
            f"record_run cannot decorate the class {function.__qualname__}; decorate one of its methods, such as run."
        )
    if isinstance(function, property) or not callable(inner):
        raise InvalidTargetError(
            f"record_run decorates functions and methods, not {type(function).__name__} objects. "
            "For a property, decorate a method that the property calls."
        )
    name = entry_name if entry_name is not None else getattr(inner, "__name__", None)
    check_entry_name(name)
    return wrap_function(function, _RecordedCall(name, options))


@dataclass(frozen=True, eq=False)
class _RecordedCall:
    """Runs in the place of a decorated function; an object of its own, so that it can be sent to worker processes."""

    name: Any
    options: dict[str, Any]

    def __call__(
        self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        # Here, and not in the coroutine or generator: later, no frame tells any more who called.
        offset = check_offset(self.options.get("_caller_file_path_stack_offset", 0))
        code = getattr(inspect.unwrap(wrapped), "__code__", None)
        caller = find_caller(offset, entry=code, entry_name=getattr(wrapped, "__qualname__", None))
        recorder = _recorder(self.name, caller, self.options)
        recorder.offer(instance, *args[:1])
        if inspect.iscoroutinefunction(wrapped):
            inspect.signature(wrapped).bind(*args, **kwargs)  # wrong arguments are told here, not when it is awaited
            return _named_like(wrapped, _await(recorder, wrapped, args, kwargs))
        if inspect.isasyncgenfunction(wrapped):
            return _named_like(wrapped, _iterate_async(recorder, wrapped(*args, **kwargs)))
        if inspect.isgeneratorfunction(wrapped):
            return _named_like(wrapped, _iterate(recorder, wrapped(*args, **kwargs)))
        with contextlib.ExitStack() as until_done:
            until_done.enter_context(recorder)
            returned = wrapped(*args, **kwargs)
            if inspect.iscoroutine(returned):  # a plain function around an asynchronous one has only begun
                _open_blocks.leave(recorder)
                return _named_like(wrapped, _await_rest(recorder, until_done.pop_all(), returned))
            recorder.offer(returned=returned)
        return returned


def _recorder(name: Any, caller: Caller, options: dict[str, Any]) -> Recorder:
    call = _SIGNATURE.bind(name, **options)
    call.apply_defaults()
    given = call.arguments
    save_options = SaveOptions(
        **{key: given[key] for key in SaveOptions.__dataclass_fields__ if key in given},
        force_config_setting=given["_force_local_debug_run_setting"],
    )
    own = {key: given[key] for key in ("challenge", "custom_metadata", "handle_signals")}
    return Recorder(name, save_options, caller, **own)


def _named_like(function: Any, running: Any) -> Any:
    """Give a coroutine or generator of ours the name of the user's function, which tracebacks and tasks show."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        running.__name__ = name
        running.__qualname__ = getattr(function, "__qualname__", name)
    return running


async def _await(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with recorder:
        # Not before entering: a coroutine that is made and then refused would be told as never awaited.
        returned = await function(*args, **kwargs)
        recorder.offer(returned=returned)
    return returned


async def _await_rest(recorder: Recorder, until_done: contextlib.ExitStack, coroutine: Coroutine[Any, Any, Any]) -> Any:
    with until_done:
        with _open_blocks.entered(recorder):
            returned = await coroutine
        recorder.offer(returned=returned)
    return returned


def _iterate(recorder: Recorder, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Run a generator as its user does, with the block open but seen by the generator's own code only."""
    closed_with: Any = None
    try:
        with recorder:
            _open_blocks.leave(recorder)
            step: Callable[..., Any] = generator.send
            argument: Any = None
            while True:
                try:
                    with _open_blocks.entered(recorder):
                        item = step(argument)
                except StopIteration as end:
                    recorder.offer(returned=end.value)
                    return end.value
                try:
                    argument, step = (yield item), generator.send
                except GeneratorExit:
                    with _open_blocks.entered(recorder):
                        closed_with = generator.close()  # type: ignore[func-returns-value]  # a value since Python 3.13
                    raise
                except BaseException as error:  # noqa: BLE001 - what the user throws into the generator is its own
                    argument, step = error, generator.throw
    except GeneratorExit:
        if closed_with is None:
            raise
        return closed_with


async def _iterate_async(recorder: Recorder, generator: AsyncGenerator[Any, Any]) -> AsyncGenerator[Any, Any]:
    with recorder:
        _open_blocks.leave(recorder)
        step: Callable[..., Any] = generator.asend
        argument: Any = None
        while True:
            try:
                with _open_blocks.entered(recorder):
                    item = await step(argument)
            except StopAsyncIteration:
                return
            try:
                argument, step = (yield item), generator.asend
            except GeneratorExit:
                with _open_blocks.entered(recorder):
                    await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - whatever the user throws into the generator is its own
                argument, step = error, generator.athrow
