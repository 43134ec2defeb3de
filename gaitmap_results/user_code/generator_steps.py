"""Run a generator as its user does, with each of its steps inside of a context of its own."""

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
    """Yield, take, raise and return what a generator does; only its own code runs in the contexts.

    Parameters
    ----------
    generator
        The generator.
    around
        One context for all of it.
    inside
        Makes a context for each step.
    tell
        Called with what the generator returns, before the context around it is left.
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
                except BaseException as error:  # noqa: BLE001 - what the user throws into the generator is its own
                    argument, step = error, generator.throw
    except GeneratorExit:
        if closed_with is None:
            raise
        return closed_with


async def stepped_async(
    generator: AsyncGenerator[Any, Any], around: AbstractContextManager[Any], inside: Contexts
) -> AsyncGenerator[Any, Any]:
    """Do the same with an asynchronous generator."""
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
            except BaseException as error:  # noqa: BLE001 - what the user throws into the generator is its own
                argument, step = error, generator.athrow
