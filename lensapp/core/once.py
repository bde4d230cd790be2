"""What a run of a page has read stays known until the run ends or writes: nothing is asked twice."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

_KNOWN: ContextVar[dict[Any, Any] | None] = ContextVar("what this run of a page has read", default=None)


@contextmanager
def asking_once() -> Iterator[None]:
    """Answer functions marked by `once` from memory when they are asked again inside, on this thread.

    Inside another such block nothing begins anew.
    """
    if _KNOWN.get() is not None:
        yield
        return
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)


def forget() -> None:
    """Ask anew from here on: this thread writes."""
    if (known := _KNOWN.get()) is not None:
        known.clear()


def once(read: Callable[Asked, Answer]) -> Callable[Asked, Answer]:
    """Mark a function that reads the database by names, numbers or sequences of them, for `asking_once`."""

    @wraps(read)
    def known_or_read(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        known = _KNOWN.get()
        if known is None:
            return read(*args, **kwargs)
        asked = [one if isinstance(one, Hashable) else tuple(one) for one in args]
        question = read, *asked, tuple(sorted(kwargs.items()))
        if question not in known:
            known[question] = read(*args, **kwargs)
        answer: Answer = copy(known[question])  # who changes a list changes their own
        return answer

    return known_or_read
