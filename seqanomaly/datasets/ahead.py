"""Items that are made in another thread while those before them are used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], most: int = 1) -> Iterator[T]:
    """The same items, none of which is None, made one after the other while those before them are used.

    At most so many wait to be used: more than one evens out that some take longer than others.

    >>> list(ahead(iter("abc"))), list(ahead(iter("abc"), 5))
    (['a', 'b', 'c'], ['a', 'b', 'c'])
    """
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, items, None) for _ in range(most))
        while (item := coming.popleft().result()) is not None:
            coming.append(pool.submit(next, items, None))
            yield item
