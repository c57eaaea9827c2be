"""Every data set by its name, and how a name, a path or a mapping becomes one.

A path without a kind is recognised by the names of its files and their first lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny
from pydantic.fields import FieldInfo

from seqanomaly.config import one_of
from seqanomaly.datasets.episodes import Episodes
from seqanomaly.datasets.family import Family
from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.formats.aeon import Aeon
from seqanomaly.datasets.formats.arff import Arff
from seqanomaly.datasets.formats.arrays import Numpy
from seqanomaly.datasets.formats.braatz import Braatz
from seqanomaly.datasets.formats.cmapss import Cmapss
from seqanomaly.datasets.formats.events import Events
from seqanomaly.datasets.formats.exathlon import Exathlon
from seqanomaly.datasets.formats.folder import Folder, tables_in
from seqanomaly.datasets.formats.matlab import Matlab
from seqanomaly.datasets.formats.nab import Nab
from seqanomaly.datasets.formats.numbers import Numbers
from seqanomaly.datasets.formats.psm import Psm
from seqanomaly.datasets.formats.records import Records
from seqanomaly.datasets.formats.robot import Robot
from seqanomaly.datasets.formats.skab import Skab
from seqanomaly.datasets.formats.smap import Smap
from seqanomaly.datasets.formats.smd import Smd
from seqanomaly.datasets.formats.stream import regular, state, visible
from seqanomaly.datasets.formats.structured import Structured
from seqanomaly.datasets.formats.tep import Tep
from seqanomaly.datasets.formats.text import begins_with_times, column_names
from seqanomaly.datasets.formats.ts import Ts
from seqanomaly.datasets.formats.tsb import TsbAd, TsbUad
from seqanomaly.datasets.formats.ucr import Ucr
from seqanomaly.datasets.formats.ucr_cases import UcrCases
from seqanomaly.datasets.formats.unread import unread_in
from seqanomaly.datasets.headers import NAMES, numbered, plain, usual_columns
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.synthetic import SYNTHETIC
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.paths import is_there

DATASETS: dict[str, type[DataSpec]] = {
    "episodes": Episodes,
    **SYNTHETIC,
    "cmapss": Cmapss,
    "tep": Tep,
    "robot": Robot,
    "skab": Skab,
    "nab": Nab,
    "ucr": Ucr,
    "smd": Smd,
    "smap": Smap,
    "psm": Psm,
    "braatz": Braatz,
    "tsb_ad": TsbAd,
    "tsb_uad": TsbUad,
    "ts": Ts,
    "arff": Arff,
    "ucr_cases": UcrCases,
    "aeon": Aeon,
    "events": Events,
    "structured": Structured,
    "exathlon": Exathlon,
    "wfdb": Records,
    "numpy": Numpy,
    "matlab": Matlab,
    "numbers": Numbers,
    "folder": Folder,
    "file": FileData,
}
"""Every data set by its name; `file` is any table in a file."""
DEEP, MANY = 5, 1_000
"""Levels below a folder, and folders in them, that are looked through for a data set."""
NO_PATH = FieldInfo(default=None)
"""The setting `path` of what has none."""
NAMED = 12
"""Most data sets that are named in one sentence."""
FAMILIES = {kind: data for kind, data in DATASETS.items() if issubclass(data, Family) and data is not Folder}
"""Those that a path is recognised as by its names; a folder of tables is what is left."""


def data_settings(value: object) -> object:
    """A name or a path as a mapping with a `kind`; a mapping with its kind.

    A path is what has a dot or a slash or is there, unless it is the name of a data set that needs none. `~` is the
    home folder, also where no shell sees it.

    >>> data_settings("drift"), data_settings("mine.csv")
    ({'kind': 'drift'}, {'kind': 'file', 'path': 'mine.csv'})
    """
    if isinstance(value, str):
        value = _at_home(value)
        needs_path = value in DATASETS and DATASETS[value].model_fields.get("path", NO_PATH).is_required()
        is_path = (value not in DATASETS and any(mark in value for mark in "./\\")) or (
            (value not in DATASETS or needs_path) and is_there(value)
        )
        return recognise(value) if is_path else {"kind": value}
    if isinstance(value, Mapping) and isinstance(path := value.get("path"), str):
        value = {**value, "path": _at_home(path)}
    if isinstance(value, Mapping) and "kind" not in value and "path" in value:
        path, others = value["path"], {key: of for key, of in value.items() if key != "path"}
        found = recognise(path) if isinstance(path, str) else {"kind": "file", "path": path}
        return with_given(found, others)
    return value


def _at_home(path: str) -> str:
    """The path with its `~` replaced, if it begins with one and somebody has that home."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError:
        return path


def with_given(found: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What was recognised, with what is given instead; what is given was not guessed.

    >>> with_given({"kind": "file", "label": "fault", "guessed": ["label"]}, {"label": "attack"})
    {'kind': 'file', 'label': 'attack', 'guessed': []}
    """
    left = {"guessed": [name for name in found["guessed"] if name not in given]} if "guessed" in found else {}
    return {**found, **left, **given}


def recognise(path: str) -> dict[str, Any]:
    """The kind of the files at `path`, and what their names say about its settings; `file` where nothing is there.

    Raises:
        ConfigError: several kinds would do, or none, or a file cannot be opened.

    >>> recognise("mine.csv")
    {'kind': 'file', 'path': 'mine.csv'}
    """
    place = Path(path)
    if not _is_there(place):
        return {"kind": "file", "path": path}
    try:
        found = _candidates(place)
        unread = None if found else unread_in(place)
    except DataError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{error.filename or path}: cannot be opened ({error.strerror})") from None
    if unread is not None:
        raise ConfigError(f"{path}: holds no data that is recognised: {unread}")
    if len(found) != 1:
        could = " or ".join(f"{FAMILIES[kind].title} ({kind})" for kind in found)
        problem = f"could be {could}" if found else "holds no data that is recognised"
        known = ", ".join(found or [*FAMILIES, "folder"])
        raise ConfigError(f"{path}: {problem}; say what it is with kind: one of {known}")
    ((kind, settings),) = found.items()
    return {"kind": kind, "path": path, **settings}


def _is_there(path: Path) -> bool:
    try:
        return state(path) is not None
    except DataError as error:
        raise ConfigError(str(error)) from None


def _candidates(place: Path) -> dict[str, dict[str, Any]]:
    """The kinds that would do, with the settings of each; a `DataError` names a file that cannot be opened."""
    regular(place)
    if place.is_dir():
        os.scandir(place).close()  # an error about the folder itself, not about a file that is looked for in it
    found = _families(place)
    if found:
        return {kind: of for kind, of in found.items() if kind != "numpy"} or found  # any array; others know theirs
    if place.is_file():
        return {"file": _table(place)}
    tables = Folder.recognise(place)
    for depth, level in enumerate(_levels(place)):
        kinds = {folder: _families(folder) if depth == 0 else _seen(folder) for folder in level}
        if inside := {folder: of for folder, of in kinds.items() if of}:
            return _the_one(place, inside)
        if tables is not None:
            break
    return {} if tables is None else {"folder": tables}


def _levels(place: Path) -> Iterator[list[Path]]:
    """The folders below, level by level, as far as they are looked through."""
    level, left = [place], MANY
    for _ in range(DEEP):
        level = [path for folder in level for path in sorted(visible(folder, "*")) if _is_folder(path)][:left]
        left -= len(level)
        yield level


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # it may not be looked at
        return False


def _seen(folder: Path) -> dict[str, dict[str, Any]]:
    """The kinds that a folder further down could be; none where it cannot be looked at."""
    try:
        return _families(folder)
    except (DataError, OSError):
        return {}


def _the_one(place: Path, inside: Mapping[Path, dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What the one data set in a folder without other data is; a `DataError` names those that there are."""
    (first, kinds), *others = inside.items()
    if not others and len(kinds) == 1 and all(table.is_relative_to(first) for table in tables_in(place)):
        return {kind: {"path": str(first), **settings} for kind, settings in kinds.items()}
    named = [f"{path.relative_to(place).as_posix()} ({' or '.join(of)})" for path, of in inside.items()]
    more = f" and {len(named) - NAMED:,} more" if len(named) > NAMED else ""
    raise DataError(
        f"{place}: is no data set itself and holds folders that are: {', '.join(named[:NAMED])}{more}; name one of them"
    )


def _families(place: Path) -> dict[str, dict[str, Any]]:
    found = ((kind, data.recognise(place)) for kind, data in FAMILIES.items())
    return {kind: settings for kind, settings in found if settings is not None}


def _table(path: Path) -> dict[str, Any]:
    """What the header of a table says: a row is a sequence, or which column is what by its name."""
    names = column_names(path)
    if (wide := _steps_in_columns(names)) is not None:
        return wide
    found = usual_columns(names)
    if "series" not in found and names[:1] == [""] and begins_with_times(path):
        found |= {"series": None, "step": "Unnamed: 0"}  # an index of times, as pandas writes it
    return {**found, "guessed": list(found)} if found else {}


def _steps_in_columns(names: list[str]) -> dict[str, Any] | None:
    """The settings of a wide table, whose columns beside label and series are numbered, from 0 or 1 on; else None."""
    others = [name for name in names if name not in ("label", "series")]
    if "label" not in names:
        return None
    if numbered(others):
        return {"rows": "sequences"}
    ids = [name for name in others if plain(name) in NAMES | {"id", "name"}] if "series" not in names else []
    if len(ids) == 1 and numbered([name for name in others if name != ids[0]]):
        return {"rows": "sequences", "series": ids[0], "guessed": ["series"]}
    return None


def pick_data(value: object) -> object:
    """A name, a path, `{path: ..}` or `{kind: ..}` as a data set.

    >>> pick_data("mine.csv").name, pick_data({"kind": "drift", "length": 20}).name
    ('mine', 'drift(length=20)')
    """
    return one_of(DATASETS, "data set")(data_settings(value))


AnyData = Annotated[DataSpec, BeforeValidator(pick_data), SerializeAsAny()]
"""Any data set, given by name, path, mapping or as it is."""
