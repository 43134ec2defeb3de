"""Run each step of a generator inside of a context, unnoticed by the generator's user."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["stepped", "stepped_async"]

#: Makes a new context manager each time.
Contexts = Callable[[], AbstractContextManager[Any]]


def stepped(
    generator: Generator[Any, Any, Any],
    around: AbstractContextManager[Any],
    inside: Contexts,
    tell: Callable[[Any], None] = lambda _: None,
) -> Generator[Any, Any, Any]:
    """Yield, accept, raise and return what a generator does; only its own code runs in the contexts.

    Parameters
    ----------
    generator
        The generator.
    around
        One context for the whole generator.
    inside
        Makes a context for each step.
    tell
        Called with the return value of the generator, before leaving ``around``.
    """
    closed_with: Any = None
    step: Callable[..., Any] = generator.send
    argument: Any = None
    try:
        with around:
            while True:
                try:
                    with inside():
                        item = step(argument)
                except StopIteration as end:
                    tell(end.value)
                    return end.value
                try:
                    argument, step = (yield item), generator.send
                except GeneratorExit:
                    with inside():
                        closed_with = generator.close()  # type: ignore[func-returns-value]  # a value since Python 3.13
                    raise
                except BaseException as error:  # noqa: BLE001 - the user may throw anything into the generator
                    argument, step = error, generator.throw
    except GeneratorExit:
        if closed_with is None:
            raise
        return closed_with


async def stepped_async(
    generator: AsyncGenerator[Any, Any], around: AbstractContextManager[Any], inside: Contexts
) -> AsyncGenerator[Any, Any]:
    """Wrap an asynchronous generator as :func:`stepped` does, but without ``tell``."""
    with around:
        step: Callable[..., Any] = generator.asend
        argument: Any = None
        while True:
            try:
                with inside():
                    item = await step(argument)
            except StopAsyncIteration:
                return
            try:
                argument, step = (yield item), generator.asend
            except GeneratorExit:
                with inside():
                    await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - the user may throw anything into the generator
                argument, step = error, generator.athrow
