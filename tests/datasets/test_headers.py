"""What the columns of a table are by their names, and what is said about it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqanomaly.datasets.files import FileData
from seqanomaly.datasets.headers import could_be_label, features_note, plain, usual_columns
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data
from seqanomaly.errors import DataError


def opened(path: Path, **settings: Any) -> Any:
    data = pick_data({"path": str(path), **settings})
    assert isinstance(data, DataSpec)
    return data.open()


def table(**columns: Any) -> pd.DataFrame:
    """Four series of five steps."""
    label = [0, 0, 0, 1, 1] * 4
    return pd.DataFrame(
        {"x": [0.5 * n for n in range(20)], **{k: label if v is None else v for k, v in columns.items()}}
    )


UNITS = [name for name in "abcd" for _ in range(5)]
STEPS = list(range(5)) * 4


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["timestamp", "value", "is_anomaly"], {"series": None, "step": "timestamp", "label": "is_anomaly"}),
        (["timestamp", "value", "label", "KPI ID"], {"series": "KPI ID", "step": "timestamp"}),  # AIOps
        (
            ["Timestamp", "FIT101", "Normal/Attack"],
            {"series": None, "step": "Timestamp", "label": "Normal/Attack"},
        ),  # SWaT
        (["DATETIME", "L_T1", "ATT_FLAG"], {"series": None, "step": "DATETIME", "label": "ATT_FLAG"}),  # BATADAL
        (["", "timestamp", "TP2"], {"series": None, "step": "timestamp"}),
        (["Row", "Date ", "Time", "x", "label"], {}),  # two columns of times
        (["Time", "FAULT", "ATTACK"], {"series": None, "step": "Time"}),  # two that could be the label
        (["unit", "machine", "cycle", "label"], {}),  # two that could tell series apart
        (["Series", "Step", "Label", "x"], {"series": "Series", "step": "Step", "label": "Label"}),
        (["series", "step", "label", "anomaly"], {}),
        (["a", "b"], {}),
        ([], {}),
    ],
)
def test_usual_names(names: list[str], found: dict[str, Any]) -> None:
    assert usual_columns(names) == found


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_names(names: list[str]) -> None:
    found = usual_columns(names)
    assert set(found) <= {"series", "step", "label"}
    assert all(name in names for name in found.values() if name is not None)
    assert set(could_be_label(names)) <= set(names)
    assert all(plain(plain(name)) == plain(name) for name in names)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".feather"])
def test_columns_with_usual_names_are_found_and_said(tmp_path: Path, ending: str) -> None:
    path, frame = tmp_path / f"mine{ending}", table(machine_id=UNITS, cycle=STEPS, outlier=None, changepoint=None)
    match ending:
        case ".parquet":
            frame.to_parquet(path)
        case ".feather":
            frame.to_feather(path)
        case _:
            frame.to_csv(path, sep="\t" if ending == ".tsv" else ",", index=False)
    source = opened(path)
    assert source.parts(0).train.features == ("x", "changepoint")
    assert source.notes[-2:] == (
        "series are told apart by the column 'machine_id'; steps are in the order of 'cycle'; "
        "labels are in the column 'outlier'",
        "the feature 'changepoint' may tell the label or a step's place, by its name: if it does, leave it out with "
        "--ignore",
    )
    assert opened(path, features=["x"]).notes[-1].startswith("series are told apart")
    assert opened(path, features=["x"], label="outlier").notes[-1] == (
        "series are told apart by the column 'machine_id'; steps are in the order of 'cycle'"
    )


def test_what_is_given_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    table(unit=UNITS, cycle=STEPS, fault=None).to_csv(path, index=False)
    data = pick_data({"path": str(path), "series": "unit", "step": "cycle", "label": "fault"})
    assert isinstance(data, DataSpec)
    assert not any("column" in note for note in data.open().notes)
    assert data.settings() == FileData(path=str(path), series="unit", step="cycle", label="fault").settings()
    assert "guessed" not in data.settings()


def test_a_folder_says_its_labels_and_doubts(tmp_path: Path) -> None:
    for name in "abc":
        table(Anomaly=None, attack_P1=None).to_csv(tmp_path / f"{name}.csv", index=False)
    notes = opened(tmp_path).notes
    assert "labels are in the column 'Anomaly'" in notes
    assert features_note(["attack_P1"])[0] in notes


def test_spaces_after_separators_are_not_part_of_names_and_values(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(
        "series, step, label, x\n"
        + "".join(f'{s}, {t}, "a, b" , 1\n{s}, {t + 1}, normal, 2\n' for s in "abcd" for t in (0, 2))
    )
    parts = opened(tmp_path / "mine.csv").parts(0)
    assert parts.train.features == ("x",)
    assert parts.train.classes == ("normal", "a, b ")


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_column_that_counts_the_rows_is_no_feature(tmp_path: Path, ending: str) -> None:
    path, frame = tmp_path / f"mine{ending}", table(series=UNITS, step=STEPS, label=None).iloc[::-1]
    frame.to_csv(path) if ending == ".csv" else frame.to_parquet(path)
    source = opened(path, backward="sort")
    assert source.parts(0).train.features == ("x",)
    said = "the column without a name is left out; to use it as a feature, give it a name" in source.notes
    assert said == (ending == ".csv")  # pandas does not read an index without a name as a column


@pytest.mark.parametrize(
    ("labels", "pair"),
    [(["normal", "Normal ", "bad"], "'Normal ' and 'normal'"), (["0", "normal", "bad"], "'0' and 'normal'")],
)
def test_labels_that_seem_to_be_one_are_an_error(tmp_path: Path, labels: list[str], pair: str) -> None:
    frame = table(series=UNITS, step=STEPS, label=[labels[n % 3] for n in range(20)])
    frame.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(DataError) as error:
        opened(tmp_path / "mine.csv")
    assert str(error.value) == (
        f"mine.csv: column 'label' has the labels {pair}, which seem to mean the same; write them alike, or say which "
        "one is normal with normal: LABEL (--normal LABEL)"
    )
    assert opened(tmp_path / "mine.csv", normal=labels[0]).parts(0).train.classes[0] == labels[0]


def test_columns_of_0_and_1_are_named_where_the_label_is_not_found(tmp_path: Path) -> None:
    folder = tmp_path / "plant"
    folder.mkdir()
    frame = pd.DataFrame(
        {"heat": [0.5, 1, 0, 1], "valve": [0, 0, 0, 0], "DANGER": [0, 1, 1, 0], "alarm": [True, False] * 2}
    )
    for name in "abc":
        frame.assign(valve=int(name == "b")).to_csv(folder / f"{name}.csv", index=False)
    said = r"no column 'label'; say which one it is \(0 and 1 are the only values of %s\) with label"
    with pytest.raises(DataError, match=said % "'valve', 'DANGER', 'alarm'"):
        opened(folder)
    with pytest.raises(DataError, match=said % "'DANGER', 'alarm'"):
        opened(folder / "a.csv", series=None, step=None)
