"""SMAP and MSL: telemetry of two spacecraft, an array per channel and the anomalies in `labeled_anomalies.csv`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.config import nearest
from seqanomaly.datasets.family import Given
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.labels import inside
from seqanomaly.datasets.formats.stream import check_own, is_file
from seqanomaly.datasets.formats.text import upward, whole
from seqanomaly.datasets.opened import Loaded
from seqanomaly.datasets.table_spec import Names
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

TABLE = "labeled_anomalies.csv"
COLUMNS = ("chan_id", "spacecraft", "anomaly_sequences", "num_values")


class Smap(Given):
    """Channels of the spacecraft SMAP (25 features) and MSL (55): a telemetry value and one-hot commands per step.

    Hundman et al., Detecting spacecraft anomalies using LSTMs and nonparametric dynamic thresholding, KDD 2018.
    """

    title: ClassVar[str] = "SMAP and MSL"
    looks: ClassVar[str] = "train/ and test/ with T-8.npy, .., and labeled_anomalies.csv"
    example: ClassVar[str] = "{path: SMAP_MSL, spacecraft: SMAP}"
    kind: Literal["smap"] = "smap"
    spacecraft: Literal["SMAP", "MSL"] | None = None
    """Whose channels; needed where the folder holds both and no channels are named."""
    channels: Names | None = None
    """The channels, as in `[C-2, T-8]`; all of the spacecraft by default."""

    @classmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        inside = path.parent if path.is_file() else path
        root = next((folder for folder in upward(inside)[:4] if is_file(folder / TABLE)), None)
        known = path.suffix == ".npy" or path.name == TABLE if path.is_file() else True
        if root is None or not known or not (inside == root or _leads_to(inside, _arrays(root))):
            return None
        channel = {"channels": [path.stem]} if path.suffix == ".npy" else {}
        return ({} if root == path else {"path": str(root)}) | channel

    def files(self) -> Sequence[Path]:
        """The table of anomalies, then the training and the test array of each channel."""
        root = self.root()
        if not is_file(root / TABLE):
            raise DataError(f"{root}: there is no {TABLE} in it, which holds the labels; it needs it, train and test")
        check_own([root / TABLE], root, root)
        chosen = self._chosen(_table(root / TABLE))
        paths = [_arrays(root) / part / f"{channel}.npy" for channel in chosen for part in ("train", "test")]
        missing = next((path for path in paths if not is_file(path)), None)
        if missing is not None:
            raise DataError(f"{missing}: there is no such file; a channel has an array in train and one in test")
        return [root / TABLE, *paths]

    def read(self, files: Sequence[Path]) -> Loaded:
        table, paths = _table(files[0]), files[1:]
        each = [_channel(table, *paths[at : at + 2], missing=self.takes_missing) for at in range(0, len(paths), 2)]
        names = ("telemetry", *(f"command_{i}" for i in range(1, each[0].train.shape[1])))
        notes = [f"label is 1 inside the intervals of {TABLE}, both ends included; the training part has none"]
        twice = [one.name for one in each if (table["chan_id"] == one.name).sum() > 1]
        notes += [f"{', '.join(twice)}: more than one row in {TABLE}, all of their intervals count"] if twice else []
        return halves_loaded(each, names, notes)

    def _chosen(self, table: pd.DataFrame) -> list[str]:
        """Channels that are asked for, or those of the spacecraft that have an array."""
        root, of = _arrays(self.root()), dict(zip(table["chan_id"], table["spacecraft"], strict=True))
        there = [channel for channel in of if is_file(root / "train" / f"{channel}.npy")]
        for channel in self.channels or ():
            if channel not in of:
                raise DataError(f"{self.root() / TABLE}: there is no channel {channel!r}{nearest(channel, there)}")
        chosen = [name for name in self.channels or there if self.spacecraft in (None, of[name])]
        crafts = sorted({str(of[channel]) for channel in chosen})
        if not chosen:
            raise DataError(
                f"{root}: there is no channel of {self.spacecraft or 'SMAP or MSL'} in train; found: "
                f"{', '.join(there) or 'none'}; train and test belong beside {TABLE}, or into its folder data"
            )
        if len(crafts) > 1:
            raise DataError(
                f"{root}: the channels are of {' and '.join(crafts)}, which have different features; choose with "
                f"spacecraft: {crafts[0]} or name channels"
            )
        return chosen


def _arrays(root: Path) -> Path:
    """The folder with train and test: that of the table, or, as in the authors' archive, `data` in it."""
    could = root, root / "data", root / "data" / "data"
    return next((folder for folder in could if (folder / "test").is_dir()), root)


def _leads_to(inside: Path, arrays: Path) -> bool:
    """Whether a folder is the one with the arrays, lies above it, or is its train or test."""
    place, of = whole(inside), whole(arrays)
    return of.is_relative_to(place) or (place.parent == of and place.name in ("train", "test"))


def _table(path: Path) -> pd.DataFrame:
    from seqanomaly.datasets.formats.table import read_table

    table = read_table(path)
    missing = next((name for name in COLUMNS if name not in table), None)
    if missing is not None:
        raise DataError(f"{path}: there is no column {missing!r}{nearest(missing, table.columns)}")
    for name in ("chan_id", "spacecraft"):
        if table[name].isna().any():
            row = int(np.argmax(table[name].isna().to_numpy()))
            raise DataError(
                f"{path}: column {name!r}, data row {row + 1}: the value is missing; fill it or drop the row"
            )
    table = table.astype({"chan_id": str, "spacecraft": str})
    outside = next((name for name in table["chan_id"] if Path(name).name != name), None)
    if outside is not None:
        raise DataError(f"{path}: the channel {outside!r} is not a plain name, so its files would lie elsewhere")
    return table


def _channel(table: pd.DataFrame, train: Path, test: Path, *, missing: bool) -> Halves:
    from seqanomaly.datasets.formats.arrays import read_array
    from seqanomaly.datasets.formats.named import finite

    x, y = (finite(read_array(path), str(path), missing=missing) for path in (train, test))
    for path, values in ((train, x), (test, y)):
        if values.ndim != 2:
            raise DataError(f"{path}: has the shape {values.shape}; a channel is an array of steps x features")
    rows = table[table["chan_id"] == train.stem]
    intervals = [_intervals(text, train.stem) for text in rows["anomaly_sequences"]]
    return Halves(
        name=train.stem,
        train=x,
        train_label=np.zeros(len(x), np.int64),
        test=y,
        test_label=_labels([pair for found in intervals for pair in found], rows["num_values"].tolist(), test, len(y)),
    )


def _intervals(text: object, channel: str) -> list[tuple[int, int]]:
    try:
        found = [(start, end) for start, end in json.loads(str(text))]
        if any(type(step) is not int for pair in found for step in pair):
            raise ValueError("steps are whole numbers")
        return found
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{TABLE}: channel {channel!r}: {text!r} is no list of [start, end] ({error})") from None


def _labels(intervals: list[tuple[int, int]], lengths: list[object], test: Path, steps: int) -> NDArray[np.int64]:
    """1 inside the inclusive intervals, after checking that they belong to the array."""
    if any(length != steps for length in lengths):
        raise DataError(f"{test}: has {steps} steps where {TABLE} says {lengths[0]}")
    wrong = next(((start, end) for start, end in intervals if not 0 <= start <= end < steps), None)
    if wrong is not None:
        raise DataError(f"{test}: the interval {list(wrong)} of {TABLE} does not lie in its {steps} steps")
    return inside([(start, end + 1) for start, end in intervals], steps)
