"""Codes of labels, in the order in which they are met."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.mapped.codes import MOST, Codes
from seqanomaly.errors import DataError

NUMBERS = st.sampled_from([-3, 0, 1, 2, 7, 250, 260, 2**53 - 1])


@given(st.lists(st.lists(NUMBERS, min_size=1, max_size=9), min_size=1, max_size=4))
def test_whole_numbers_have_the_codes_of_the_same_with_a_point(batches: list[list[int]]) -> None:
    whole, pointed, row = Codes("label", "t"), Codes("label", "t"), 0
    met = list(dict.fromkeys(number for batch in batches for number in batch))
    for batch in batches:
        expected = [met.index(number) for number in batch]
        assert whole.add(pa.array(batch, pa.int64()), row, len(batch)).tolist() == expected
        assert pointed.add(pa.array(batch, pa.float64()), row, len(batch)).tolist() == expected
        row += len(batch)
    assert whole.done() == pointed.done()
    assert whole.done()[0] == tuple(str(number) for number in sorted(met))


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("int8", [127, -128, 0, 127]),
        ("int64", [-(2**53) + 300, -(2**53) + 45, -(2**53) + 46]),
        ("uint64", [2**53 - 1, 2**53 - 256]),
        ("int16", [-300, -300]),
    ],
)
def test_numbers_that_wrap_around_in_eight_bits(kind: str, labels: list[int]) -> None:
    codes, met = Codes("label", "t"), list(dict.fromkeys(labels))
    assert codes.add(pa.array(np.array(labels, kind)), 0, len(labels)).tolist() == [met.index(one) for one in labels]
    assert codes.done()[0] == tuple(str(number) for number in sorted(met))


@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "uint64"])
def test_every_kind_of_number(kind: str) -> None:
    codes = Codes("label", "t")
    assert codes.add(pa.array(np.array([1, 0, 1], kind)), 0, 3).tolist() == [0, 1, 0]
    assert codes.done() == (("0", "1"), (1, 0))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([1, 2, 2**53], "t: column 'label', data row 13: the label is 9.0072e+15; labels are classes, so whole"),
        ([2**53, 2**53 + 1], "t: column 'label', data row 11: the label is 9.0072e+15; labels are classes, so whole"),
    ],
)
def test_numbers_that_are_too_large(labels: list[int], text: str) -> None:
    with pytest.raises(DataError) as error:
        Codes("label", "t").add(pa.array(labels, pa.uint64()), 10, len(labels))
    assert str(error.value).startswith(text)


def test_too_many_labels() -> None:
    codes = Codes("label", "t")
    assert codes.add(pa.array(np.arange(MOST)), 0, MOST).tolist() == list(range(MOST))
    with pytest.raises(DataError) as error:
        codes.add(pa.array([MOST + 7]), MOST, 1)
    assert str(error.value) == (
        "t: column 'label' has more than 256 labels, which a mapped table cannot have; name the column with the "
        "classes with --label"
    )
