"""Items that are made in another thread while those before them are used."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], most: int = 1) -> Iterator[T]:
    """The same items, none of which is None, made one after the other while those before them are used.

    At most so many wait to be used: more than one evens out that some take longer than others. Whoever wants no more
    does not wait for the one in the making: that may happen at any time, also while a lock is held that a thread needs
    to end, as the iterator may be collected as garbage then.

    >>> list(ahead(iter("abc"))), list(ahead(iter("abc"), 5))
    (['a', 'b', 'c'], ['a', 'b', 'c'])
    """
    wanted: SimpleQueue[bool] = SimpleQueue()
    made: SimpleQueue[T | Exception | None] = SimpleQueue()
    for _ in range(most):
        wanted.put(True)
    Thread(target=_make, args=(items, wanted, made), daemon=True).start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, Exception):
                raise item
            wanted.put(True)
            yield item
    finally:
        wanted.put(False)


def _make(items: Iterator[T], wanted: SimpleQueue[bool], made: SimpleQueue[T | Exception | None]) -> None:
    while wanted.get():
        try:
            item = next(items, None)
        except Exception as error:
            made.put(error)
            return
        made.put(item)
        if item is None:
            return
