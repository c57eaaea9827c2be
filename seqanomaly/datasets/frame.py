"""The long frame: one row per step with columns for series, step, label and features, and what must hold for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.formats.commas import Commas
from seqanomaly.datasets.formats.times import Dates, read_text
from seqanomaly.datasets.headers import is_unnamed
from seqanomaly.datasets.policies import FILL_IT
from seqanomaly.datasets.sequences import Sequences
from seqanomaly.errors import DataError

PARTS = frozenset({"train", "training", "test", "testing", "validation", "valid", "val"})
"""Words in a column that is no feature and says the parts."""
LARGEST = float(np.finfo(np.float32).max)
"""The largest 32-bit number."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Which column means what."""

    series: str = "series"
    """Names the sequence of a row."""
    step: str = "step"
    """Orders the rows of a sequence: numbers or timestamps."""
    label: str | None = "label"
    """Class of the step; None to read no labels."""
    features: tuple[str, ...] | None = None
    """Numeric columns to use; None for all that are left."""
    normal: str | None = None
    """The label that means normal; by default 0, false or "normal"."""
    binary: bool = False
    """Whether all labels but the normal one are one class, 1, and the normal one is 0."""
    ignore: tuple[str, ...] = ()
    """Columns that are not features, for example the one that names the part."""
    dates: Dates | None = None
    """What stands first in dates such as 02/01/2016; None where the rows say it."""
    commas: Commas | None = None
    """What stands after a comma in the numbers of a text table; None where its columns say it."""


@dataclass(frozen=True, kw_only=True)
class LongFrame:
    """A checked long frame, its rows sorted by series (in order of appearance) and step."""

    sequences: Sequences
    rows: NDArray[np.int64]
    """Place in the frame of each step, in order of series and step."""


def read_frame(
    frame: pd.DataFrame,
    layout: Layout,
    where: str,
    *,
    missing: bool | None = None,
    sort: bool = True,
    doubles: bool = False,
) -> LongFrame:
    """Check `frame` and turn it into sequences with times; a `DataError` names `where`, column, row and remedy.

    Args:
        frame: a row per step.
        layout: which column means what.
        where: name of the data in an error.
        missing: see `numbers`.
        sort: whether rows are put in the order of their steps; else they stay in that of the frame.
        doubles: whether a series may have the same step twice.

    >>> frame = pd.DataFrame({"series": ["a", "a"], "step": [1, 0], "label": [1, 0], "x": [0.5, 2.0]})
    >>> read_frame(frame, Layout(), "doc").sequences.x.tolist()
    [[[2.0], [0.5]]]
    """
    if frame.empty:
        raise DataError(f"{where}: there are no rows")
    frame = frame.rename(columns=str)
    names = feature_names(list(frame.columns), layout, where)
    instead = "" if layout.label is None else ", or leave the column out with --ignore"
    values = np.empty((len(frame), len(names)), np.float32)
    for place, name in enumerate(names):
        values[:, place] = _feature(frame[name], where, instead, missing=missing)
    codes, series = _series(frame, layout, where)
    steps = step_values(frame[layout.step], where, dates=layout.dates)
    order = None if _is_ordered(codes, steps) else _order(codes, steps, sort=sort)
    if order is not None and not doubles:
        _no_duplicates(codes[order], steps[order], order, series, layout, where)
    labels, classes = _labels(frame, layout, codes, series, where)
    if order is not None:
        values, labels, steps = values[order], labels[order], steps[order]
    sequences = Sequences.stacked(
        values,
        labels,
        np.bincount(codes).astype(np.int64),
        ids=tuple(series),
        features=names,
        classes=classes,
        time=steps,
    )
    return LongFrame(sequences=sequences, rows=np.arange(len(values)) if order is None else order)


def feature_names(columns: list[str], layout: Layout, where: str) -> tuple[str, ...]:
    """The features among the columns of a table; a `DataError` names `where` and a column that is missing or double."""
    if len(set(columns)) < len(columns):
        double = next(name for place, name in enumerate(columns) if name in columns[:place])
        raise DataError(f"{where}: two columns are called {double!r}; rename one")
    for option in ("series", "step", "label"):
        _expect(columns, getattr(layout, option), f"say which one it is with {option} (--{option})", where)
    for name in layout.features or ():
        _expect(columns, name, "it is needed as a feature", where)
    taken = {layout.series, layout.step, layout.label, *layout.ignore}
    both = next((name for name in layout.features or () if name in taken), None)
    if both is not None:
        raise DataError(f"{where}: column {both!r} cannot be a feature, as it is the series, step, label or part")
    names = layout.features or tuple(name for name in columns if name not in taken and not is_unnamed(name))
    if not names:
        raise DataError(f"{where}: no columns are left for features beside {', '.join(sorted(filter(None, taken)))}")
    return names


def _expect(columns: list[str], name: str | None, remedy: str, where: str) -> None:
    if name is not None and name not in columns:
        raise DataError(f"{where}: there is no column {name!r}; {remedy}{nearest(name, columns)}")


def numbers(
    column: pd.Series, where: str, instead: str = "", before: int = 0, *, missing: bool | None = None
) -> NDArray[np.float64]:
    """A column as finite numbers; a `DataError` names `where`, the row and the remedy, also `instead`.

    The rows of the column are those of the table after the first `before` ones. With `missing`, values may be missing
    (NaN); where it is False, the remedy names the setting.
    """
    if len(column) and isinstance(column.dtype, np.dtype) and column.dtype.kind in "if" and within(column.to_numpy()):
        return column.to_numpy(np.float64)
    found = np.full(len(column), np.nan)
    if column.dtype.kind not in "mM":  # times are no numbers
        found = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    usable = np.abs(found) <= LARGEST
    if missing:
        usable |= column.isna().to_numpy()
    if usable.all():
        return found
    row = int(np.argmin(usable))
    value = column.iloc[row]
    at = f"{where}: column {column.name!r}, data row {before + row + 1}"
    if column.isna().iloc[row]:
        remedy = "fill it or drop the row" if missing is None else FILL_IT
        raise DataError(f"{at}: the value is missing; {remedy}{instead}")
    if np.isnan(found[row]):
        if str(value).strip().casefold() in PARTS:
            instead = ", or name the column with --part if it says which rows train and test"
        raise DataError(f"{at}: {str(value)!r} {_problem(str(value).strip())}{instead}")
    raise DataError(f"{at}: the value is {value}, not a finite 32-bit number; correct it or drop the row")


def _problem(word: str) -> str:
    """What is wrong with a word where a number should be, and what to do.

    >>> _problem("?")
    'is not a number; leave the cell empty where the value is missing'
    """
    if re.fullmatch(r"[-+]?[\d.]*,\d+", word):
        return "has a decimal comma, which is read between ; or tabs and without points before it; write a point"
    missing = not re.search(r"\w", word)
    return f"is not a number; {'leave the cell empty where the value is missing' if missing else 'correct it'}"


def _feature(
    column: pd.Series, where: str, instead: str, *, missing: bool | None
) -> NDArray[np.float32] | NDArray[np.float64]:
    """A column as finite 32-bit numbers, looked at once where it is in that precision; see `numbers`."""
    if column.dtype == np.float32:
        found = column.to_numpy()
        if np.isfinite(found).all():
            return found
    return numbers(column, where, instead, missing=missing)


def within(values: NDArray[Any]) -> bool:
    """Whether all values, of which there is one at least, are finite 32-bit numbers below the largest; two quick looks.

    >>> within(np.array([0.5, 2.0])), within(np.array([0.5, np.nan])), within(np.array([1e39]))
    (True, False, False)
    """
    return bool(float(values.min()) > -LARGEST and float(values.max()) < LARGEST)


def _series(frame: pd.DataFrame, layout: Layout, where: str) -> tuple[NDArray[np.int64], list[str]]:
    codes, names = pd.factorize(frame[layout.series])
    if (codes < 0).any():
        raise DataError(
            f"{where}: column {layout.series!r}, data row {int(np.argmin(codes)) + 1}: the series is missing"
        )
    return codes.astype(np.int64), [str(name) for name in names]


def step_values(column: pd.Series, where: str, before: int = 0, *, dates: Dates | None = None) -> NDArray[Any]:
    """Numbers, whole ones exact, or `datetime64` without a zone; the rows are those after the first `before` ones."""
    if column.dtype.kind not in "mM" and pd.to_numeric(column, errors="coerce").notna().any():
        found = numbers(column, where, ", or name another column with --step", before)
        whole = pd.to_numeric(column)
        return whole.to_numpy(np.int64) if pd.api.types.is_signed_integer_dtype(whole) else found
    if pd.api.types.is_datetime64_any_dtype(column):
        times = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    else:
        times = read_text(column.astype(str), where, before, dates=dates)
    if times.isna().any():
        row = int(np.argmax(times.isna().to_numpy()))
        problem = "the value is missing" if column.isna().iloc[row] else f"{str(column.iloc[row])!r} is no time"
        raise DataError(
            f"{where}: column {column.name!r}, data row {before + row + 1}: {problem}; steps are numbers or "
            "timestamps: correct it, or name another column with --step"
        )
    return times.to_numpy()


def _is_ordered(codes: NDArray[np.int64], steps: NDArray[Any]) -> bool:
    """Whether the rows stand by series and step, no step twice; mostly they do."""
    new = codes[1:] > codes[:-1]
    new |= (steps[1:] > steps[:-1]) & (codes[1:] == codes[:-1])
    return bool(new.all())


def _order(codes: NDArray[np.int64], steps: NDArray[Any], *, sort: bool) -> NDArray[np.int64]:
    """The rows by series and, with `sort`, step."""
    return np.lexsort((steps, codes)) if sort else np.argsort(codes, kind="stable")


def _no_duplicates(
    codes: NDArray[np.int64],
    steps: NDArray[Any],
    order: NDArray[np.int64],
    series: list[str],
    layout: Layout,
    where: str,
) -> None:
    again = (codes[1:] == codes[:-1]) & (steps[1:] == steps[:-1])
    if again.any():
        at = int(np.argmax(again))
        first, second = sorted((int(order[at]) + 1, int(order[at + 1]) + 1))
        raise DataError(
            f"{where}: series {series[codes[at]]!r} has the same {layout.step!r} in data rows {first} and {second}; "
            "keep one of them, or name the column that tells the series apart with --series"
        )


def _labels(
    frame: pd.DataFrame, layout: Layout, codes: NDArray[np.int64], series: list[str], where: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class index of each row and the class names, normal first."""
    if layout.label is None:
        return np.zeros(len(frame), np.int64), ("0", "1")
    column = _per_step(frame[layout.label], codes, series, where)
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(np.int64)
    exact = isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu" and len(column) > 0
    if exact and -(2**53) < int(column.min()) <= int(column.max()) < 2**53:
        column = column.astype(np.int64)
    elif pd.api.types.is_numeric_dtype(column):
        given = column.to_numpy(np.float64)
        whole = (given == np.round(given)) & (np.abs(given) < 2**53)
        if not whole.all():
            row = int(np.argmin(whole))
            raise DataError(
                f"{where}: column {layout.label!r}, data row {row + 1}: the label is {given[row]:g}; "
                "labels are classes, so whole numbers or text"
            )
        column = column.astype(np.int64)
    else:
        column = column.astype(str)
    code, values = pd.factorize(column)
    found = _declared(frame[layout.label]) or [str(value) for value in sorted(values)]
    classes, number = classed(found, layout, where)
    return np.array([number[str(value)] for value in values], np.int64)[code], classes


def _declared(column: pd.Series) -> list[str]:
    """The classes of an ordered categorical, in its order and also those that no row has; none for other columns."""
    ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered
    return [str(name) for name in column.cat.categories] if ordered else []


def classed(found: list[str], layout: Layout, where: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """The classes, the normal one first, and which one each label is; a `DataError` if none is known to be normal.

    >>> classed(["a", "b", "normal"], Layout(), "doc")
    (('normal', 'a', 'b'), {'normal': 0, 'a': 1, 'b': 2})
    >>> classed(["a", "b", "normal"], Layout(binary=True), "doc")
    (('0', '1'), {'normal': 0, 'a': 1, 'b': 1})
    """
    if layout.normal is None:
        _no_doubles(found, layout, where)
    normal = found[0] if layout.label is None else _normal(found, layout, where)
    classes = (normal, *(name for name in found if name != normal))
    if layout.binary:
        return ("0", "1"), {name: int(name != normal) for name in classes}
    return classes, {name: place for place, name in enumerate(classes)}


def _no_doubles(found: list[str], layout: Layout, where: str) -> None:
    """Raise a `DataError` where two labels seem to be one, or two may mean normal, so that one would count as not."""
    seen: dict[str, str] = {}
    for name in found:
        plain = name.strip().casefold()
        other = seen.setdefault("normal" if plain == "0" else plain, name)
        if other != name:
            raise DataError(
                f"{where}: column {layout.label!r} has the labels {other!r} and {name!r}, which seem to mean the same; "
                "write them alike, or say which one is normal with normal: LABEL (--normal LABEL)"
            )


def _normal(found: list[str], layout: Layout, where: str) -> str:
    if layout.normal is not None:
        if layout.normal not in found:
            raise DataError(
                f"{where}: column {layout.label!r} has no label {layout.normal!r}{nearest(layout.normal, found)}"
            )
        return layout.normal
    usual = next((name for name in found if name in {"0", "normal", "Normal", "NORMAL"}), None)
    if usual is None:
        raise DataError(
            f"{where}: column {layout.label!r} has the labels {', '.join(found[:8])} and none is 0 or 'normal'; "
            "say which one is normal with normal: LABEL (--normal LABEL)"
        )
    return usual


def _per_step(column: pd.Series, codes: NDArray[np.int64], series: list[str], where: str) -> pd.Series:
    """Labels without gaps: a series whose first row alone has a label has it on all of its rows."""
    missing = column.isna()
    if not missing.any():
        return column
    labelled = (~missing).groupby(codes)
    alone = (labelled.transform("sum") == 1) & labelled.transform("first")
    row = int(np.argmax((missing & ~alone).to_numpy()))
    if missing.iloc[row] and not alone.iloc[row]:
        raise DataError(
            f"{where}: column {column.name!r}, data row {row + 1}: the label is missing; label every row of series "
            f"{series[codes[row]]!r}, or only its first one if the label is meant for the whole series"
        )
    return column.groupby(codes).transform("first").where(missing, column).infer_objects()
