"""A trained detector: saved and loaded as it was, and a score that depends on the past of its own sequence only."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from seqanomaly import Detector, train
from seqanomaly.errors import DataError
from seqanomaly.models import specs

TASKS = ("detect", "classify", "forecast")
SIZES = {"hidden": 4, "channels": 4}
MODELS: dict[str, dict[str, Any]] = {
    kind: {"kind": kind, **{key: value for key, value in SIZES.items() if key in spec.model_fields}}
    for kind, spec in specs.MODELS.items()
}
BLIND = ("position", "majority")
"""Models that do not read the features."""


def machines(seed: int = 0) -> pd.DataFrame:
    """Ragged series of machines of three states in shuffled order."""
    generator, frames = np.random.default_rng(seed), []
    for place, length in enumerate(generator.integers(4, 12, 15)):
        noise = generator.standard_normal((length, 2))
        columns = {"unit": f"m{place}", "cycle": np.arange(length) * 10, "heat": noise[:, 0] + place % 3}
        frames.append(pd.DataFrame({**columns, "load": noise[:, 1], "state": ("fine", "worn", "dead")[place % 3]}))
    return pd.concat(frames).sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Detector]:
    """The detector of a task, trained once."""
    made: dict[str, Detector] = {}

    def of(task: str, model: str = "gru", window: int | None = None) -> Detector:
        if f"{task}{model}{window}" not in made:
            frame = machines()
            if task != "classify":
                frame["state"] = frame["state"].replace("dead", "worn")
            path = tmp_path_factory.mktemp(task) / "machines.csv"
            frame.to_csv(path, index=False)
            data = {"path": str(path), "series": "unit", "step": "cycle", "label": "state", "normal": "fine"}
            config = {"task": task, "data": data, "model": MODELS[model], "train": {"epochs": 2}, "window": window}
            made[f"{task}{model}{window}"] = train(config, device="cpu").detector
        return made[f"{task}{model}{window}"]

    return of


each_task = pytest.mark.parametrize("task", TASKS)
each_model = pytest.mark.parametrize("model", MODELS)


@each_task
@each_model
def test_a_saved_detector_is_the_same(detector: Callable[..., Detector], task: str, model: str, tmp_path: Path) -> None:
    trained = detector(task, model)
    trained.save(tmp_path)
    loaded = Detector.load(tmp_path)
    fields, expected = vars(loaded).copy(), vars(trained).copy()
    assert torch.equal(fields.pop("weights"), expected.pop("weights"))
    assert fields == expected
    pd.testing.assert_frame_equal(loaded.score(machines(1)), trained.score(machines(1)), check_exact=True)


@each_task
def test_a_detector_in_windows_is_saved_with_them(detector: Callable[..., Detector], task: str, tmp_path: Path) -> None:
    trained = detector(task, "gru", 4)
    trained.save(tmp_path)
    loaded = Detector.load(tmp_path)
    assert loaded.window == trained.window == (4, 2)
    pd.testing.assert_frame_equal(loaded.score(machines(1)), trained.score(machines(1)), check_exact=True)
    whole = replace(trained, window=None).score(machines(1))
    assert not np.allclose(whole["score"].dropna(), trained.score(machines(1))["score"].dropna())
    settings = json.loads((tmp_path / "detector.json").read_text())
    del settings["window"]  # as detectors were before there were windows
    (tmp_path / "detector.json").write_text(json.dumps(settings))
    pd.testing.assert_frame_equal(Detector.load(tmp_path).score(machines(1)), whole, check_exact=True)


@each_task
def test_a_row_for_each_row_in_its_order(detector: Callable[..., Detector], task: str) -> None:
    frame = machines(1)
    scored = detector(task).score(frame)
    assert scored.columns.tolist() == ["unit", "cycle", "score", "decision"]
    pd.testing.assert_frame_equal(scored[["unit", "cycle"]], frame[["unit", "cycle"]])
    shuffled = frame.sample(frac=1, random_state=5)
    again = detector(task).score(shuffled)
    expected = scored.loc[shuffled.index].reset_index(drop=True)
    np.testing.assert_allclose(again["score"], expected["score"], rtol=1e-5, atol=1e-6)
    pd.testing.assert_series_equal(again["decision"], expected["decision"])


@each_task
@each_model
@pytest.mark.parametrize("window", [None, 4])
def test_a_score_depends_on_the_past_of_its_own_sequence_only(
    detector: Callable[..., Detector], task: str, model: str, window: int | None
) -> None:
    frame = machines(1)
    scored = detector(task, model, window).score(frame)["score"]
    early = frame["cycle"] <= 30
    later = frame.assign(heat=frame["heat"].where(early, 1e3))
    changed = detector(task, model, window).score(later)["score"]
    np.testing.assert_allclose(changed[early], scored[early], rtol=1e-5, atol=1e-6)
    assert np.allclose(changed[~early], scored[~early]) is (model in BLIND)
    for rows in (early, frame["unit"] == "m3"):
        if window is not None and rows is early:
            continue  # the last window of a sequence moves with its end
        alone = detector(task, model, window).score(frame[rows])["score"]
        np.testing.assert_allclose(alone, scored[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("task", "names"), [("detect", {"fine", "worn"}), ("classify", {"fine", "worn", "dead"})])
def test_a_decision_is_the_name_of_a_class(detector: Callable[..., Detector], task: str, names: set[str]) -> None:
    scored = detector(task).score(machines(1))
    assert set(detector(task).classes) == names
    assert set(scored["decision"]) <= names
    assert scored["score"].between(0, 1).all()
    if task == "detect":
        np.testing.assert_array_equal(scored["decision"] == "worn", scored["score"] >= 0.5)


def test_a_forecast_says_nothing_about_the_first_step(detector: Callable[..., Detector]) -> None:
    frame = machines(1)
    scored = detector("forecast").score(frame)
    first = frame["cycle"] == 0
    assert scored["score"].isna().tolist() == first.tolist()
    assert scored["decision"].isna().tolist() == first.tolist()
    assert set(scored.loc[~first, "decision"]) <= {"fine", "worn"}
    assert (scored.loc[~first, "score"] >= 0).all()


def test_the_columns_may_be_called_differently(detector: Callable[..., Detector]) -> None:
    frame = machines(1)
    renamed = frame.rename(columns={"unit": "id", "cycle": "t"}).drop(columns="state").assign(note="of no interest")
    scored = detector("detect").score(renamed, series="id", step="t")
    assert scored.columns.tolist() == ["id", "t", "score", "decision"]
    pd.testing.assert_series_equal(scored["score"], detector("detect").score(frame)["score"])


def test_a_sequence_of_one_step_has_a_score(detector: Callable[..., Detector]) -> None:
    assert detector("detect").score(machines(1).iloc[:1])["score"].notna().tolist() == [True]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda frame: frame.drop(columns="heat"),
            "new.csv: there is no column 'heat'; it is needed as a feature; known: unit, cycle, load, state",
        ),
        (
            lambda frame: frame.rename(columns={"cycle": "cycles"}),
            "new.csv: there is no column 'cycle'; say which one it is with step (--step); did you mean 'cycles'? "
            "(known: unit, cycles, heat, load, state)",
        ),
        (
            lambda frame: frame.assign(load=["?", *frame["load"].iloc[1:]]),
            "new.csv: column 'load', data row 1: '?' is not a number; leave the cell empty where the value is missing",
        ),
        (
            lambda frame: frame.assign(load=[1.0, np.nan, *frame["load"].iloc[2:]]),
            "new.csv: column 'load', data row 2: the value is missing; fill it or drop the row",
        ),
        (
            lambda frame: frame.assign(load=[np.inf, *frame["load"].iloc[1:]]),
            "new.csv: column 'load', data row 1: the value is inf, not a finite 32-bit number; correct it or drop the "
            "row",
        ),
        (lambda frame: frame.iloc[:0], "new.csv: there are no rows"),
    ],
)
def test_new_data_that_cannot_be_scored(
    detector: Callable[..., Detector], change: Callable[[pd.DataFrame], pd.DataFrame], text: str
) -> None:
    with pytest.raises(DataError) as error:
        detector("detect").score(change(machines(1)), "new.csv")
    assert str(error.value) == text


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def drop_a_weight(path: Path) -> None:
    weights = safetensors.torch.load_file(path)
    safetensors.torch.save_file(dict(list(weights.items())[1:]), path)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda at: (at / "detector.json").unlink(), "is not a run folder, detector.json is missing"),
        (lambda at: (at / "model.safetensors").unlink(), "is not a run folder, model.safetensors is missing"),
        (lambda at: (at / "detector.json").write_text("{"), "the detector in it is damaged (Expecting property name"),
        (lambda at: (at / "detector.json").write_bytes(b"\xff"), "the detector in it is damaged ('utf-8' codec can't"),
        (lambda at: (at / "detector.json").write_text("[]"), "the detector in it is damaged (list indices must be"),
        (
            lambda at: edit(at / "detector.json", task="guess"),
            "the detector in it is damaged ('guess'); train it again",
        ),
        (
            lambda at: edit(at / "detector.json", model={"kind": "gru", "hidden": 0}),
            "the detector in it is damaged (hidden: must be greater than or equal to 1, got 0); train it again",
        ),
        (
            lambda at: edit(at / "detector.json", model={"kind": "gru", "hidden": 5}),
            "the detector in it is damaged (model.safetensors does not belong to detector.json); train it again",
        ),
        (
            lambda at: edit(at / "detector.json", features=["heat"]),
            "the detector in it is damaged (model.safetensors does not belong to detector.json); train it again",
        ),
        (
            lambda at: drop_a_weight(at / "model.safetensors"),
            "the detector in it is damaged (model.safetensors does not belong to detector.json); train it again",
        ),
        (
            lambda at: edit(at / "detector.json", window={"length": 4, "stride": 5}),
            "the detector in it is damaged (stride: must be at most the length 4,",
        ),
        (lambda at: edit(at / "detector.json", window=[4, 2]), "the detector in it is damaged ("),
        (lambda at: (at / "model.safetensors").write_bytes(b""), "the detector in it is damaged ("),
        (lambda at: (at / "model.safetensors").write_bytes(b"\x80\x04K\x01."), "the detector in it is damaged ("),
    ],
)
def test_a_damaged_detector(
    detector: Callable[..., Detector], damage: Callable[[Path], object], text: str, tmp_path: Path
) -> None:
    detector("detect").save(tmp_path)
    damage(tmp_path)
    with pytest.raises(DataError) as error:
        Detector.load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: {text}")
    assert "\n" not in str(error.value)
