"""Items that are made in another thread: their order, what goes wrong in the making, and an end before theirs."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.ahead import ahead


@given(st.lists(st.integers()), st.integers(1, 5))
def test_the_items_in_their_order(items: list[int], most: int) -> None:
    assert list(ahead(iter(items), most)) == items


def test_what_goes_wrong_comes_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("oops")

    made = ahead(items(), 3)
    assert next(made) == 1
    with pytest.raises(KeyError, match="oops"):
        next(made)


def test_an_early_end_does_not_wait_for_the_item_in_the_making() -> None:
    go, waited = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        if not go.wait(20):
            waited.set()
        yield 2

    made = ahead(items())
    assert next(made) == 1
    made.close()  # type: ignore[attr-defined]
    go.set()
    assert not waited.is_set()


def test_no_more_than_wanted_are_made() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            begun.append(n)
            yield n

    made = ahead(items(), 2)
    assert [next(made), next(made)] == [0, 1]
    made.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name.endswith("(_make)"):
            thread.join(20)
    assert len(begun) <= 4
