"""What ships and which families of files are recognised, for people: a line each, and a command to begin with."""

from __future__ import annotations

from dataclasses import dataclass

from seqanomaly.datasets.specs import DATASETS
from seqanomaly.datasets.synthetic import SYNTHETIC


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """A data set that ships with the package; `data/NAME/README.md` says where it comes from."""

    name: str
    """What `--data` takes."""
    about: str
    """What it is."""
    sequences: int
    """How many sequences it has."""
    steps: tuple[int, int]
    """Steps of the shortest and of the longest."""
    channels: int
    """Features of a step."""
    labels: str
    """What is anomalous, or which classes there are."""
    licence: str
    """Under which it ships."""


SHIPPED_DATA = (
    Shipped(
        name="episodes",
        about="chemical plant runs, half with a fault from their first step; official test part",
        sequences=204,
        steps=(80, 80),
        channels=12,
        labels="fault or not, balanced at every step; {kind: episodes, label: fault}: which of 6 faults",
        licence="Apache-2.0",
    ),
    Shipped(
        name="cmapss",
        about="C-MAPSS FD001, simulated turbofan engines until they fail; official test part",
        sequences=200,
        steps=(31, 362),
        channels=24,
        labels="at most 30 cycles left; {kind: cmapss, horizon: 50}: at most 50",
        licence="public domain (U.S. Government work)",
    ),
    Shipped(
        name="tep",
        about="Tennessee Eastman, plant runs whose faults begin on the way; official test part",
        sequences=66,
        steps=(222, 240),
        channels=53,
        labels="from the fault's onset on; {kind: tep, label: fault}: which of 6 faults",
        licence="Apache-2.0",
    ),
    Shipped(
        name="robot",
        about="robot execution failures lp1, forces and torques at approach to grasp; the seed draws the test part",
        sequences=88,
        steps=(15, 15),
        channels=6,
        labels="failure or not; {kind: robot, label: class}: which of 3",
        licence="CC BY 4.0",
    ),
    Shipped(
        name="{kind: robot, subset: lp4}",
        about="robot execution failures lp4, approach to ungrasp; the seed draws the test part",
        sequences=116,
        steps=(15, 15),
        channels=6,
        labels="failure or not; {kind: robot, subset: lp4, label: class}: which of 2",
        licence="CC BY 4.0",
    ),
)
"""The data sets that ship, with what their files hold."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of files that is recognised by their names and first lines."""

    kind: str
    """Its name, as in `{kind: cmapss, path: CMAPSSData}`."""
    files: str
    """What the files look like."""
    example: str
    """What stands behind the command, with paths as a user would have them."""

    @property
    def command(self) -> str:
        """A command to begin with.

        >>> next(family.command for family in FAMILIES if family.kind == "cmapss")
        'seqanom data show CMAPSSData'
        """
        quoted = f"'{self.example}'" if self.example.startswith("{") else self.example
        return f"seqanom data show {quoted}"


FAMILIES = (
    Family(kind="cmapss", files="train_FD001.txt, test_FD001.txt, RUL_FD001.txt; 26 columns", example="CMAPSSData"),
    Family(kind="tep", files="tep_sim_train.csv and .._test.csv; faultNumber, simulationRun, ..", example="TEP_sim"),
    Family(
        kind="robot",
        files="lp1.data to lp5.data: a class line and 15 rows of 6 numbers",
        example="RobotExecutionFailures/lp4.data",
    ),
    Family(kind="skab", files="valve1/0.csv, ..: datetime;..;anomaly;changepoint", example="SKAB"),
    Family(
        kind="nab",
        files="data/*/*.csv with timestamp,value, and labels/combined_windows.json",
        example="NAB/data/realTraffic",
    ),
    Family(
        kind="ucr",
        files="135_UCR_Anomaly_NAME_TRAIN_BEGIN_END.txt, one number per line",
        example="UCR_Anomaly",
    ),
    Family(
        kind="smd",
        files="train/, test/ and test_label/ with machine-1-6.txt, ..; 38 columns",
        example="ServerMachineDataset",
    ),
    Family(
        kind="smap",
        files="train/ and test/ with T-8.npy, .., and labeled_anomalies.csv",
        example="{path: SMAP_MSL, spacecraft: SMAP}",
    ),
    Family(kind="braatz", files="d00.dat, d00_te.dat, d01.dat, ..; 52 columns", example="TEP_Braatz"),
    Family(
        kind="tsb_ad", files="001_NAB_id_1_Facility_tr_1007_1st_2014.csv, ..; last column Label", example="TSB-AD-U"
    ),
    Family(kind="tsb_uad", files="*.out: a value and a label per line", example="TSB-UAD"),
    Family(
        kind="ts",
        files="NAME_TRAIN.ts and NAME_TEST.ts of aeon and sktime",
        example="{path: GunPoint, normal: 1, label: binary}",
    ),
    Family(
        kind="aeon",
        files="timestamp, values, is_anomaly in NAME_TRAIN.csv and NAME_TEST.csv, or in one file",
        example="Daphnet_S06R02E0/S06R02E0.csv",
    ),
    Family(kind="numpy", files=".npz with x and y, or x_train, y_train, ..; .npy", example="runs.npz"),
    Family(
        kind="folder", files="any folder of .csv, .parquet or .feather tables, one sequence each", example="machines"
    ),
    Family(
        kind="file",
        files="one table with columns for series, step, label and features",
        example="mine.csv --series unit --step cycle --label fault",
    ),
)
"""The families of files, in the order of `DATASETS`."""


def drawn() -> dict[str, str]:
    """The tasks that are drawn by the seed, with the first sentence about each.

    >>> list(drawn())
    ['drift', 'evidence', 'onset', 'ar']
    """
    return {kind: str(DATASETS[kind].__doc__).strip().partition("\n")[0] for kind in SYNTHETIC}
