"""Every data set by its name, and how a name, a path or a mapping becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, SerializeAsAny

from seqanomaly.config import one_of
from seqanomaly.datasets.files import Episodes, FileData
from seqanomaly.datasets.formats.cmapss import Cmapss
from seqanomaly.datasets.formats.robot import Robot
from seqanomaly.datasets.formats.skab import Skab
from seqanomaly.datasets.formats.tep import Tep
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.synthetic import SYNTHETIC

DATASETS: dict[str, type[DataSpec]] = {
    "episodes": Episodes,
    **SYNTHETIC,
    "cmapss": Cmapss,
    "tep": Tep,
    "robot": Robot,
    "skab": Skab,
    "file": FileData,
}
"""Every data set by its name; `file` is any long CSV or Parquet file."""


def data_settings(value: object) -> object:
    """A name or a path (anything else with a dot or a slash) as a mapping with a `kind`; a mapping with its kind.

    >>> data_settings("drift"), data_settings("mine.csv")
    ({'kind': 'drift'}, {'kind': 'file', 'path': 'mine.csv'})
    """
    if isinstance(value, str):
        is_path = value not in DATASETS and any(mark in value for mark in "./\\")
        return {"kind": "file", "path": value} if is_path else {"kind": value}
    if isinstance(value, Mapping) and "kind" not in value and "path" in value:
        return {"kind": "file", **value}
    return value


def pick_data(value: object) -> object:
    """A name, a path, `{path: ..}` or `{kind: ..}` as a data set.

    >>> pick_data("mine.csv").name, pick_data({"kind": "drift", "length": 20}).name
    ('mine', 'drift(length=20)')
    """
    return one_of(DATASETS, "data set")(data_settings(value))


AnyData = Annotated[DataSpec, BeforeValidator(pick_data), SerializeAsAny()]
"""Any data set, given by name, path, mapping or as it is."""
