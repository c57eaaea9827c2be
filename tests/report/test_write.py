"""Everything beside the runs: files made whole, the same bytes when made twice, and the golden table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from seqanomaly.comparison import compare_runs
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.report.parts import Detail
from seqanomaly.report.write import Report, make_report

TEXT = ["dataset", "model", "loss", "bucket", "metric", "note"]


@dataclass
class Part:
    """Runs with curves."""

    runs: pd.DataFrame
    curves: pd.DataFrame

    def titles(self, detail: Detail) -> list[str]:
        found = self.details(detail)
        return list(found["title"].unique()) if len(found) else []

    def details(self, detail: Detail, titles: Sequence[str] | None = None) -> pd.DataFrame:
        if detail != "curve" or self.curves.empty:
            return pd.DataFrame()
        return self.curves if titles is None else self.curves[self.curves["title"].isin(titles)]


def made(runs: pd.DataFrame, curves: pd.DataFrame, folder: Path, **changed: Any) -> Report:
    folder.mkdir(exist_ok=True)
    settings: dict[str, Any] = {
        "name": "golden",
        "question": "When does late weighting buy late accuracy?",
        "baseline": "uniform",
        "buckets": ["early", "late"],
        "axes": [],
    }
    return make_report([Part(runs, curves)], folder, **{**settings, **changed})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def numbers(line: list[str]) -> NDArray[np.float64]:
    return np.array([cell or "nan" for cell in line[5:16]], np.float64)


def test_the_files(stored_runs: pd.DataFrame, curves: pd.DataFrame, tmp_path: Path) -> None:
    report = made(stored_runs, curves, tmp_path)
    names = ["comparison.csv", "effects.csv", "datasets.csv", "comparison.md"]
    names += ["curves.png", "curves.svg", "tradeoff.png", "tradeoff.svg"]
    assert report.files == [tmp_path / name for name in names]
    assert sorted(contents(tmp_path)) == sorted(names)  # and no draft
    assert report.buckets == ["early", "late"]
    pd.testing.assert_frame_equal(report.comparison, compare_runs(stored_runs, "uniform"))


def test_the_same_bytes_again_and_elsewhere(stored_runs: pd.DataFrame, curves: pd.DataFrame, tmp_path: Path) -> None:
    made(stored_runs, curves, tmp_path / "a")
    first = contents(tmp_path / "a")
    made(stored_runs, curves, tmp_path / "a")
    made(stored_runs, curves, tmp_path / "b")
    assert first == contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_golden_files(stored_runs: pd.DataFrame, golden: Path, tmp_path: Path) -> None:
    made(stored_runs, pd.DataFrame(), tmp_path)
    assert (tmp_path / "comparison.md").read_text(encoding="utf-8") == (golden / "comparison.md").read_text(
        encoding="utf-8"
    )
    found, expected = (
        [line.split(",") for line in (folder / "comparison.csv").read_text(encoding="utf-8").split("\n")]
        for folder in (tmp_path, golden)
    )
    assert found[0] == expected[0]
    assert [len(line) for line in found] == [len(line) for line in expected]
    for found_line, expected_line in zip(found[1:-1], expected[1:-1], strict=True):
        assert found_line[:5] + found_line[16:] == expected_line[:5] + expected_line[16:]
        assert found_line[13] == expected_line[13]  # pairs are whole numbers
        np.testing.assert_allclose(numbers(found_line), numbers(expected_line), rtol=1e-9, atol=1e-12)


def test_the_frame_is_the_file(stored_runs: pd.DataFrame, tmp_path: Path) -> None:
    report = made(stored_runs, pd.DataFrame(), tmp_path)
    types: dict[str, Any] = {**dict.fromkeys(TEXT, str), "n_pairs": "Int64"}
    read = pd.read_csv(tmp_path / "comparison.csv", dtype=types)
    pd.testing.assert_frame_equal(read.assign(note=read["note"].fillna("")), report.comparison, check_exact=True)


@pytest.mark.parametrize("name", ["comparison.csv", "curves.png", "comparison.md"])
def test_a_report_that_cannot_be_written(
    stored_runs: pd.DataFrame, curves: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError) as error:
        made(stored_runs, curves, tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: cannot write the report (Is a directory); its runs are kept, so mend that and make it again with "
        f"`seqanom report {tmp_path}`"
    )


def test_without_curves_there_are_no_figures(stored_runs: pd.DataFrame, tmp_path: Path) -> None:
    report = made(stored_runs, pd.DataFrame(), tmp_path)
    assert [path.name for path in report.files] == ["comparison.csv", "effects.csv", "datasets.csv", "comparison.md"]
    assert sorted(contents(tmp_path)) == sorted(path.name for path in report.files)


def test_the_baseline_alone_has_no_trade(stored_runs: pd.DataFrame, curves: pd.DataFrame, tmp_path: Path) -> None:
    report = made(stored_runs[stored_runs["loss"] == "uniform"], curves[curves["loss"] == "uniform"], tmp_path)
    names = ["comparison.csv", "datasets.csv", "comparison.md", "curves.png", "curves.svg"]
    assert [path.name for path in report.files] == names
    assert report.sentences == [
        f"gru(hidden=4) on {name}: there is no loss beside uniform to compare." for name in ("drift", "episodes")
    ]


def test_the_price_is_named_where_it_is_asked_for(stored_runs: pd.DataFrame, tmp_path: Path) -> None:
    report = made(stored_runs, pd.DataFrame(), tmp_path, early_cost=0.02)
    assert len(report.sentences) == 4
    assert report.sentences[3] == (
        "gru(hidden=4) on episodes: of the losses that lose at most 2 points early, exp has the best mean late (+1.0 "
        "points [0.1, 1.9] late, -1.9 points [-4.2, 0.4] early)."
    )
    page = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    said = [line.removeprefix("- ") for line in page.splitlines() if line.startswith("- ")]
    assert said == [*report.sentences, *report.margins, *report.power]


def test_another_metric_is_spoken_of(stored_runs: pd.DataFrame, tmp_path: Path) -> None:
    assert (
        made(stored_runs, pd.DataFrame(), tmp_path, metric="auroc")
        .sentences[0]
        .startswith("gru(hidden=4) on drift: exp gains 3.6 points")
    )


def test_the_first_bucket_is_early_and_the_last_late(stored_runs: pd.DataFrame, tmp_path: Path) -> None:
    between = stored_runs[stored_runs["bucket"] == "early"].assign(bucket="mid")
    runs = pd.concat([stored_runs, between])
    assert made(runs, pd.DataFrame(), tmp_path, buckets=["early", "mid", "late"]).buckets == ["early", "late"]
    assert made(runs, pd.DataFrame(), tmp_path, buckets=["late"]).buckets == ["late"]


@pytest.mark.parametrize("buckets", [["late"], ["early", "late"]])
def test_an_old_report_is_replaced(stored_runs: pd.DataFrame, tmp_path: Path, buckets: list[str]) -> None:
    for name in ("comparison.csv", "comparison.md"):
        (tmp_path / name).write_text("old")
    made(stored_runs, pd.DataFrame(), tmp_path, buckets=buckets)
    assert (tmp_path / "comparison.csv").read_text().startswith("dataset,")
    assert (tmp_path / "comparison.md").read_text().startswith("# golden\n")


def test_part_by_part_the_report_is_the_same(stored_runs: pd.DataFrame, curves: pd.DataFrame, tmp_path: Path) -> None:
    made(stored_runs, curves, tmp_path / "whole")
    parts = [
        Part(stored_runs[stored_runs["dataset"] == name], curves[curves["title"] == title])
        for name, title in zip(stored_runs["dataset"].unique(), curves["title"].unique(), strict=True)
    ]
    (tmp_path / "parts").mkdir()
    settings: dict[str, Any] = {"name": "golden", "question": "When does late weighting buy late accuracy?"}
    make_report(parts, tmp_path / "parts", **settings, baseline="uniform", buckets=["early", "late"], axes=[])
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_without_parts_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^there are no finished runs to compare$"):
        make_report([], tmp_path, name="n", question="", baseline="uniform", buckets=["late"], axes=[])
