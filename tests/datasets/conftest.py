"""Small files in the layout of each family that does not ship."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike, NDArray

Write = Callable[[Path], None]


def noise(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(list(shape)).random(shape)


def text(path: Path, values: ArrayLike, separator: str = " ") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, delimiter=separator)


def late(steps: int, first: int) -> NDArray[np.int64]:
    """Labels that are 1 from step `first` on."""
    return (np.arange(steps) >= first).astype(np.int64)


def skab(folder: Path) -> None:
    """Twelve labelled runs of a testbed."""
    for place in range(12):
        time = pd.date_range("2020-03-09 10:34:33", periods=20 + place, freq="s")
        frame = pd.DataFrame({"datetime": time, "Current": noise(1, len(time))[0], "Pressure": 0.5})
        path = folder / f"valve{place % 2 + 1}" / f"{place}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.assign(anomaly=late(len(time), 12) * 1.0, changepoint=0.0).to_csv(path, sep=";", index=False)


def nab(folder: Path) -> None:
    """Two series of 60 and 70 steps with a window each."""
    windows = {}
    for place, name in enumerate(("speed", "flow")):
        time = pd.date_range("2014-04-01", periods=60 + 10 * place, freq="5min")
        path = folder / "data" / "realTraffic" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"timestamp": time, "value": noise(1, len(time))[0]}).to_csv(path, index=False)
        windows[f"realTraffic/{name}.csv"] = [[f"{time[40]}.000000", f"{time[45]}.000000"]]
    (folder / "labels").mkdir()
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(windows))


def ucr(folder: Path) -> None:
    """Two series with an anomaly each."""
    text(folder / "001_UCR_Anomaly_one_20_30_33.txt", noise(50, 1))
    text(folder / "002_UCR_Anomaly_two_25_40_41.txt", noise(60, 1))


def smd(folder: Path) -> None:
    """Two machines of 38 channels."""
    for machine in ("machine-1-1", "machine-2-1"):
        steps = 30 + 10 * (machine > "machine-2")
        text(folder / "train" / f"{machine}.txt", noise(steps, 38), ",")
        text(folder / "test" / f"{machine}.txt", noise(steps + 1, 38), ",")
        text(folder / "test_label" / f"{machine}.txt", late(steps + 1, 20))


def smap(folder: Path) -> None:
    """A channel of SMAP with two rows of labels, and one of MSL."""
    for part, steps in (("train", 20), ("test", 40)):
        (folder / part).mkdir(parents=True)
        np.save(folder / part / "P-1.npy", noise(steps, 25))
        np.save(folder / part / "M-1.npy", noise(steps + 5, 55))
    rows = [
        ("P-1", "SMAP", "[[30, 35], [5, 6]]", "[point]", 40),
        ("P-1", "SMAP", "[[10, 10]]", "[point]", 40),
        ("M-1", "MSL", "[[1, 2]]", "[point]", 45),
        ("X-9", "MSL", "[[1, 2]]", "[point]", 45),
    ]
    names = ["chan_id", "spacecraft", "anomaly_sequences", "class", "num_values"]
    pd.DataFrame(rows, columns=names).to_csv(folder / "labeled_anomalies.csv", index=False)


def braatz(folder: Path) -> None:
    """Normal operation, its file turned, and two faults."""
    text(folder / "d00.dat", noise(52, 60))
    text(folder / "d00_te.dat", noise(170, 52))
    for fault in (1, 14):
        text(folder / f"d{fault:02d}.dat", noise(fault + 40, 52))
        text(folder / f"d{fault:02d}_te.dat", noise(fault + 180, 52))


def tsb_ad(folder: Path) -> None:
    """Two series of two channels."""
    folder.mkdir()
    for place, name in enumerate(("001_NAB_id_1_Facility_tr_20_1st_30", "002_NAB_id_2_Web_tr_25_1st_26")):
        x = noise(50 - 10 * place, 2)
        first = int(name.split("_")[-1])
        pd.DataFrame(x, columns=["0", "1"]).assign(Label=late(len(x), first)).to_csv(
            folder / f"{name}.csv", index=False
        )


def tsb_uad(folder: Path) -> None:
    """Two series of value and label."""
    for place in (1, 2):
        steps = 100 * place
        text(folder / f"{place}.out", np.column_stack([noise(steps), late(steps, 90)]), ",")


def ts(folder: Path) -> None:
    """Cases of two dimensions and different lengths, in two classes."""
    folder.mkdir()
    for part, cases in (("TRAIN", 12), ("TEST", 8)):
        lines = ["# made", "@problemName made", "@univariate false", "@classLabel true normal worn", "@data"]
        for case in range(cases):
            values = noise(case + 1, len(part), 2, 5 + case % 3)[0, 0]
            lines.append(":".join([",".join(map(str, row)) for row in values] + [("normal", "worn")[case % 2]]))
        (folder / f"made_{part}.ts").write_text("\n".join(lines) + "\n")


def aeon(folder: Path) -> None:
    """One series, whose test file begins with the training file."""
    folder.mkdir()
    x = noise(60, 2)
    frame = pd.DataFrame({"timestamp": np.arange(60), "a": x[:, 0], "b": x[:, 1], "is_anomaly": late(60, 50)})
    frame.iloc[:30].to_csv(folder / "made_TRAIN.csv", index=False)
    frame.to_csv(folder / "made_TEST.csv", index=False)


def numpy(folder: Path) -> None:
    """Twenty sequences of one file, anomalous from their middle on in every second one."""
    folder.mkdir()
    y = late(8, 4)[None] * (np.arange(20) % 2)[:, None]
    np.savez(folder / "made.npz", x=noise(20, 8, 3), y=y)


def folder(folder: Path) -> None:
    """Twelve tables in two folders."""
    for place in range(12):
        path = folder / f"site{place % 2}" / f"{place}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        steps = 6 + place
        pd.DataFrame({"heat": noise(steps), "label": late(steps, 4)}).to_csv(path, index=False)


@pytest.fixture(scope="session")
def samples() -> Mapping[str, Write]:
    """A function per family that writes a small data set of it into a folder that does not exist yet."""
    writers = (skab, nab, ucr, smd, smap, braatz, tsb_ad, tsb_uad, ts, aeon, numpy, folder)
    return {write.__name__: write for write in writers}
