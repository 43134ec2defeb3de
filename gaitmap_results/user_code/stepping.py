"""Run a generator as its user does, with each of its steps inside of a context of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["stepped", "stepped_async"]

#: Makes a new context manager each time.
Contexts = Callable[[], AbstractContextManager[Any]]


def stepped(generator: Generator[Any, Any, Any], inside: Contexts) -> Generator[Any, Any, Any]:
    """Yield, take, raise and return what a generator does; only its own code runs in the contexts."""
    step: Callable[..., Any] = generator.send
    argument: Any = None
    while True:
        try:
            with inside():
                item = step(argument)
        except StopIteration as end:
            return end.value
        try:
            argument, step = (yield item), generator.send
        except GeneratorExit:
            with inside():
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - what the user throws into the generator is its own
            argument, step = error, generator.throw


async def stepped_async(
    generator: AsyncGenerator[Any, Any], around: AbstractContextManager[Any], inside: Contexts
) -> AsyncGenerator[Any, Any]:
    """Do the same with an asynchronous generator, all of it in one more context: it cannot be delegated to."""
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
