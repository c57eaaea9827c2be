"""Exathlon: which traces train and test, what is anomalous, values that are missing, and broken files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data, recognise
from seqanomaly.errors import SeqanomError

BEGIN = 1_527_000_000
UNDISTURBED = ("1_0_100000_15", "1_0_100000_16", "1_0_10000_17", "1_0_500000_18", "2_0_100000_20", "2_0_1200000_22")
DISTURBED = ("1_2_100000_61", "1_4_1000000_80", "2_1_100000_60")
DELAY = "StreamingMetrics_streaming_totalDelay_value"


def trace(name: str, place: int, steps: int = 30) -> pd.DataFrame:
    random = np.random.default_rng(place)
    run = f"driver_benchmark_userclicks_{name.split('_')[0]}_{place}_9000_100000_15_2__{DELAY}"
    return pd.DataFrame(
        {
            "t": BEGIN + 1000 * place + np.arange(steps + place),
            run: random.random(steps + place),
            "1_executor_cpuTime_count": random.random(steps + place),
            "node5_CPU_ALL_Idle%": random.random(steps + place),
        }
    )


def truth() -> pd.DataFrame:
    rows = [
        (1, DISTURBED[0], "bursty_input_crash", None, 5, 9, 10, 12),
        (1, DISTURBED[1], "cpu_contention", "no_application_impact", 3, 6, None, None),
        (1, DISTURBED[1], "cpu_contention", None, 20, 22, 23, 25),
        (2, DISTURBED[2], "bursty_input", None, 15, 25, 26, 100),
    ]
    names = ["app_id", "trace_name", "anomaly_type", "anomaly_details", "root_cause_start", "root_cause_end"]
    table = pd.DataFrame(rows, columns=[*names, "extended_effect_start", "extended_effect_end"])
    begin = table["trace_name"].map({name: BEGIN + 1000 * (place + 6) for place, name in enumerate(DISTURBED)})
    for name in table.columns[4:]:
        table[name] += begin
    return table


def write(folder: Path) -> None:
    for place, name in enumerate((*UNDISTURBED, *DISTURBED)):
        path = folder / f"app{name.split('_')[0]}" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        trace(name, place).to_csv(path, index=False)
    truth().to_csv(folder / "ground_truth.csv", index=False)


def lack(folder: Path) -> None:
    change(folder, UNDISTURBED[0], lambda table: table.assign(**{"node5_CPU_ALL_Idle%": blank(table, 4)}))


def blank(table: pd.DataFrame, *rows: int) -> pd.Series:
    return table["node5_CPU_ALL_Idle%"].mask(table.index.isin(rows))


def change(folder: Path, name: str, how: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / (f"app{name.split('_')[0]}/{name}.csv" if "_0_" in name or name in DISTURBED else name)
    how(pd.read_csv(path)).to_csv(path, index=False)


SAMPLE = {
    "kind": "exathlon",
    "write": write,
    "settings": {"inactive": None},
    "parts": "given",
    "task": "forecast",
    "lack": lack,
}


def opened(folder: Path, **settings: Any) -> Opened:
    spec = pick_data({"path": str(folder), **settings})
    assert isinstance(spec, DataSpec)
    source = spec.open()
    assert isinstance(source, Opened)
    return source


def heard(folder: Path, **settings: Any) -> str:
    with pytest.raises(SeqanomError) as error:
        opened(folder, **settings)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "HERE")


def anomalous(source: Opened) -> dict[str, list[int]]:
    test = source.parts(0).test
    return {name: np.flatnonzero(label).tolist() for name, label in zip(test.ids, test.label, strict=True)}


def test_undisturbed_traces_train_and_disturbed_ones_test(tmp_path: Path) -> None:
    write(tmp_path)
    assert recognise(str(tmp_path)) == {"kind": "exathlon", "path": str(tmp_path)}
    source = opened(tmp_path)
    assert sorted(source.loaded.known.ids) == sorted(UNDISTURBED)
    assert not source.loaded.known.label.any()
    assert source.loaded.known.features == (f"driver_{DELAY}", "1_executor_cpuTime_count", "node5_CPU_ALL_Idle%")
    assert anomalous(source) == {
        DISTURBED[0]: list(range(5, 13)),
        DISTURBED[1]: [3, 4, 5, 6, *range(20, 26)],
        DISTURBED[2]: list(range(15, 38)),
    }
    first = source.loaded.known.ids.index(UNDISTURBED[0])
    np.testing.assert_allclose(source.loaded.known.x[first, :30], trace(UNDISTURBED[0], 0).iloc[:, 1:], rtol=1e-6)
    assert source.notes[1:3] == (
        "label is 1 from the start of a root cause in ground_truth.csv to the end of its extended effect, or of the "
        "root cause where it has none, both included",
        "the 6 undisturbed traces train and the 3 disturbed ones test",
    )


def test_without_the_extended_effect(tmp_path: Path) -> None:
    write(tmp_path)
    source = opened(tmp_path, effect=False)
    found = anomalous(source)
    assert found[DISTURBED[0]] == list(range(5, 10))
    assert found[DISTURBED[2]] == list(range(15, 26))
    assert source.notes[1] == (
        "label is 1 from the start of a root cause in ground_truth.csv to the end of its root cause, both included"
    )


def test_applications(tmp_path: Path) -> None:
    write(tmp_path)
    source = opened(tmp_path, apps=[2])
    assert (source.loaded.known.ids, list(anomalous(source))) == (UNDISTURBED[4:], [DISTURBED[2]])
    for path in ("app2", f"app2/{DISTURBED[2]}.csv"):
        assert recognise(str(tmp_path / path)) == {"kind": "exathlon", "path": str(tmp_path), "apps": [2]}
    assert recognise(str(tmp_path / "ground_truth.csv")) == {"kind": "exathlon", "path": str(tmp_path)}
    assert heard(tmp_path, apps=[3]) == "HERE: there is no folder app3; did you mean 'app2'? (known: app1, app2)"


def test_what_an_inactive_executor_did_not_send(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, UNDISTURBED[0], lambda table: table.assign(**{"node5_CPU_ALL_Idle%": np.nan}))
    lack_of_one = (
        "app1/1_0_100000_15.csv: column 'node5_CPU_ALL_Idle%', data row 1: the value is missing; fill it, or set"
    )
    assert lack_of_one in heard(tmp_path, inactive=None)
    source = opened(tmp_path)
    known = source.loaded.known
    assert (known.x[known.ids.index(UNDISTURBED[0]), :30, 2] == -1).all()
    assert "missing values: 30, where an executor was not active; -1 (inactive)" in source.notes


def test_chosen_columns_in_any_order(tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path, UNDISTURBED[1], lambda table: table[table.columns[::-1]].assign(extra="text"))
    assert heard(tmp_path).endswith(
        "1_0_100000_16.csv: has a column 'extra', which the first trace has not; choose columns with features"
    )
    source = opened(tmp_path, features=["node5_CPU_ALL_Idle%", f"driver_{DELAY}"])
    known = source.loaded.known
    row = known.x[known.ids.index(UNDISTURBED[1]), :31]
    np.testing.assert_allclose(row, trace(UNDISTURBED[1], 1).iloc[:, [3, 1]], rtol=1e-6)


def test_traces_that_are_not_there_and_disturbed_ones_without_anomalies(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "app1" / f"{DISTURBED[0]}.csv").unlink()
    change(tmp_path, "ground_truth.csv", lambda table: table[table["trace_name"] != DISTURBED[2]])
    notes = opened(tmp_path).notes
    assert f"ground_truth.csv has traces that are not there: {DISTURBED[0]}" in notes
    assert f"disturbed, but without an anomalous step: {DISTURBED[2]}" in notes


def swapped(name: str, **columns: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, name, lambda table: table.assign(**columns))


def without(*names: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        for name in names:
            (folder / f"app{name.split('_')[0]}" / f"{name}.csv").unlink()

    return apply


def renamed(folder: Path) -> None:
    (folder / "app1" / "1_0_100000_15.csv").rename(folder / "app1" / "trace 15.csv")


def packed(folder: Path) -> None:
    without(*UNDISTURBED, *DISTURBED)(folder)
    (folder / "app1" / "1_0_100000_15.zip").write_bytes(b"PK\3\4")


FIRST, TRUTH = "HERE/app1/1_0_100000_15.csv: ", "HERE/ground_truth.csv: "


@pytest.mark.parametrize(
    ("breaking", "text"),
    [
        (swapped(UNDISTURBED[0], t="noon"), FIRST + "column 't', data row 1: 'noon' is not a number"),
        (swapped(UNDISTURBED[0], t=1_527_000_000_000), FIRST + "column 't', data row 1: 1527000000000 is no time in"),
        (swapped(UNDISTURBED[0], t=np.nan), FIRST + "column 't', data row 1: the value is missing"),
        (swapped(UNDISTURBED[0], **{"node5_CPU_ALL_Idle%": "x"}), FIRST + "column 'node5_CPU_ALL_Idle%', data row 1"),
        (swapped(UNDISTURBED[0], **{f"driver_x_{DELAY}": 1}), FIRST + f"two columns are called 'driver_{DELAY}' once"),
        (lambda folder: change(folder, UNDISTURBED[0], lambda table: table.iloc[:0]), FIRST + "there are no rows"),
        (lambda folder: change(folder, UNDISTURBED[0], lambda table: table[["t"]]), FIRST + "there are no columns bes"),
        (lambda folder: change(folder, DISTURBED[0], lambda table: table.drop(columns="t")),
         "HERE/app1/1_2_100000_61.csv: there is no column 't'"),
        (swapped("ground_truth.csv", trace_name=UNDISTURBED[0]), FIRST + "is undisturbed by its name (type 0) and has"),
        (swapped("ground_truth.csv", root_cause_end=1), TRUTH + "data row 1: root_cause_start, root_cause_end and ext"),
        (swapped("ground_truth.csv", extended_effect_end=1), TRUTH + "data row 1: root_cause_start, root_cause_end an"),
        (swapped("ground_truth.csv", root_cause_start=np.nan), TRUTH + "column 'root_cause_start', data row 1: the va"),
        (swapped("ground_truth.csv", root_cause_end="x"), TRUTH + "column 'root_cause_end', data row 1: 'x' is not"),
        (without(*DISTURBED), "HERE: no trace is disturbed, so there is nothing to test; choose other apps"),
        (without(*UNDISTURBED), "HERE: no trace is undisturbed, so there is nothing to learn from; choose other apps"),
        (without(*UNDISTURBED, *DISTURBED), "HERE: there is no trace in it; they belong in app1, app2, .."),
        (packed, "HERE: there is no trace in it; they are packed; unpack the .zip files with its extract_data.sh"),
        (renamed, "HERE/app1/trace 15.csv: is not called APP_TYPE_RATE_NUMBER.csv as the traces are, so it is not"),
    ],
)  # fmt: skip
def test_broken_files(tmp_path: Path, breaking: Callable[[Path], None], text: str) -> None:
    write(tmp_path)
    breaking(tmp_path)
    assert heard(tmp_path).startswith(text)


def test_without_the_table(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "ground_truth.csv").unlink()
    assert heard(tmp_path, kind="exathlon") == (
        "HERE: there is no ground_truth.csv in it; it has the intervals of the anomalies; the traces are beside it in "
        "app1, app2, .."
    )
    truth().drop(columns="trace_name").to_csv(tmp_path / "ground_truth.csv", index=False)
    assert heard(tmp_path, kind="exathlon").startswith(TRUTH + "there is no column 'trace_name'")
