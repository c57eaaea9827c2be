"""The converted copy of a table, made where it is not in the cache."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from seqanomaly.config import digest
from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.frame import Layout
from seqanomaly.datasets.mapped.cache import kept
from seqanomaly.datasets.mapped.convert import check_columns, convert
from seqanomaly.datasets.mapped.copied import MappedTable
from seqanomaly.datasets.mapped.division import Division
from seqanomaly.datasets.mapped.layout import VERSION
from seqanomaly.datasets.mapped.mend import convert_mended
from seqanomaly.datasets.mapped.one import One
from seqanomaly.datasets.mapped.tables import columns_and_rows, columns_of
from seqanomaly.datasets.policies import FILLS, Policies

AS_THEY_ARE = Policies(duplicates="error", backward="sort")
"""What a table has without any policy."""
BESIDE = 17
"""Bytes that a row takes beside its copy while it is mended: two times, and whether it takes part."""


def converted(
    path: Path,
    layout: Layout,
    part: str | None,
    one: One | None = None,
    policies: Policies | None = None,
    division: Division | None = None,
) -> MappedTable:
    """The converted copy of a table, made where it is not there.

    Args:
        path: the file.
        layout: which column means what.
        part: the column that says which rows test, if any.
        one: what the table does not say itself, if it is one series.
        policies: what is done about missing values and uneven times, if there is a say in that.
        division: how it is divided, on which the policies depend.

    Raises:
        DataError: it cannot be converted; see `convert`.
    """
    check_columns(columns_of(path), layout, part, path.name, one)  # at once, as looking through text takes its time
    meaning = [VERSION, layout.series, layout.step, layout.label, layout.features, layout.ignore, part]
    meaning += [said for said in (layout.dates, layout.commas) if said is not None]
    meaning += [] if one is None else [one.name, one.step]
    make, times, beside = partial(convert, path, layout, part, one, None if policies is None else False), 1, 0
    if policies is not None and division is not None and (said := mending_policies(policies)):
        split = None if division.split is None else division.split.time
        cut = None if split is None and division.column is None else division.validation
        meaning += [sorted(said.items()), policies.gap, split, cut]
        make = partial(convert_mended, path, layout, part, one, policies, division)
        times, beside = 1 + bool({policies.irregular, policies.gaps} & set(FILLS)), BESIDE
    return kept(path, digest(meaning), partial(_size, path, layout.commas, times, beside), make, MappedTable)


def mending_policies(policies: Policies) -> dict[str, str]:
    """Policies for which the rows go by once more: those that differ from what a table has without any.

    >>> mending_policies(Policies(duplicates="error", backward="sort", gaps="split"))
    {'gaps': 'split'}
    """
    found = {key: value for key, value in vars(policies).items() if key not in ("asked", "gap", "constant")}
    asked = {key: value for key, value in found.items() if value != vars(AS_THEY_ARE)[key]}
    return asked | ({"gap": "asked"} if policies.gap != AS_THEY_ARE.gap else {})


def _size(path: Path, commas: Commas | None, times: int, beside: int) -> int:
    """About the bytes that so many copies take and so many for each row; text is looked through for that."""
    names, rows = columns_and_rows(path, commas)
    return rows * (times * (4 * len(names) + 1) + beside)
