"""The speed benchmark: peers train the same detectors as we do, and its page is made from its results."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seqanomaly.experiment import Experiment
from seqanomaly.losses.counter_loss import CounterLoss
from seqanomaly.models.base import Dropout
from seqanomaly.models.specs import MODELS
from seqanomaly.run import run_stack
from seqanomaly.store import RunResult

SPEED = Path(__file__).parents[1] / "experiments" / "speed"
KINDS = ("rnn", "gru", "lstm", "tcn")
each_model = pytest.mark.parametrize("model", KINDS)
PLAIN = {"models": "lstm", "peers": "plain,seqanom", "repeats": "2"}


class Scripts:
    """The benchmark's modules by their names."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def speed() -> Iterator[Any]:
    """The benchmark's modules, which find each other as they do when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SPEED)
        patch.syspath_prepend(SPEED / "peers")
        yield Scripts()


@each_model
def test_a_peer_has_our_architecture(model: str, speed: Any) -> None:
    settings: dict[str, Any] = {"channels": 6} if model == "tcn" else {"hidden": 6}
    ours = MODELS[model](**settings).build(3, 1)
    rows = ours.init(torch.Generator().manual_seed(1)).unsqueeze(0)
    network = speed.networks.build(model, 3, 6)
    with torch.no_grad():
        for (name, value), theirs in zip(ours.views(rows).items(), network.parameters(), strict=True):
            assert theirs.numel() == value.numel(), name
            theirs.copy_(value.reshape(theirs.shape))
    x = torch.randn(4, 20, 3, generator=torch.Generator().manual_seed(2))
    expected = ours.forward(ours.views(rows), x.unsqueeze(0), Dropout(0.0, []))[0, ..., 0]
    torch.testing.assert_close(network(x).detach(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["uniform", "linear", "exp", "step"])
@pytest.mark.parametrize("steps", [50, 1000])
def test_a_peer_weighs_steps_as_we_do(loss: str, steps: int, speed: Any) -> None:
    expected = CounterLoss("bce", loss, normalize="mean").weights(torch.arange(steps))
    torch.testing.assert_close(speed.task.step_weights(loss, steps), expected, rtol=1e-4, atol=1e-5)


@each_model
def test_operations_are_those_of_the_products(model: str, speed: Any) -> None:
    shape = replace(speed.sweep_shapes.TINY, epochs=0, test=5, seeds=1)
    spec = shape.experiment(model)["model"]
    ours = MODELS[model](**{name: value for name, value in spec.items() if name != "kind"}).build(shape.features, 1)
    rows = ours.init(torch.Generator().manual_seed(1)).unsqueeze(0)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        ours.forward(ours.views(rows), torch.zeros(1, 5, shape.steps, shape.features), Dropout(0.0, []))
    assert shape.operations(model) == len(shape.members) * counter.get_total_flops()


@pytest.mark.parametrize("model", ["lstm", "tcn"])
def test_the_plain_script_becomes_as_accurate_as_we(model: str, speed: Any, tmp_path: Path) -> None:
    shape = replace(speed.sweep_shapes.TINY, hidden=8, epochs=5, steps=10, count=250, test=400, seeds=1)
    shape.write_data(tmp_path / "data")
    with torch.random.fork_rng():
        sweep = speed.task.Sweep(
            folder=str(tmp_path / "data"),
            model=model,
            hidden=shape.hidden,
            epochs=shape.epochs,
            batch_size=shape.batch_size,
            members=shape.members,
        )
        theirs = [speed.task.trained(speed.plain.train, sweep, seed, loss) for seed, loss in shape.members]
    experiment = Experiment(**shape.experiment(model))
    configs = list(experiment.expand())
    assert [(config.seed, config.loss.name) for config in configs] == shape.members
    differences = []
    for run, result in zip(theirs, run_stack(configs, shape.data.open(), torch.device("cpu")), strict=True):
        assert isinstance(result, RunResult)
        ours = result.metrics[result.metrics["metric"] == "accuracy"].set_index("bucket")["value"]
        assert ours["late"] > 0.7
        differences.append([run.early - ours["early"], run.late - ours["late"]])
    assert np.abs(np.mean(differences, axis=0)).max() < 0.03
    assert np.abs(differences).max() < 0.08


# how it measures


def test_peers_take_turns_and_one_sweep_is_trained_in_full(speed: Any) -> None:
    found = list(speed.sweep.cells(["h8"], ["lstm"], ["plain", "seqanom"], 2))
    expected = ["plain 1", "seqanom 1", "plain full", "plain 2", "seqanom 2"]
    assert [f"{cell.peer} {cell.repeat}" for cell in found] == expected


def test_what_all_members_would_take(speed: Any) -> None:
    one = [{"process": 1, "seconds": seconds} for seconds in (3.0, 1.0, 1.5, 1.0)]
    assert speed.sweep.scaled(8.5, one, 64, 1) == pytest.approx(2 + 3 + 63 * 1)
    two = [{"process": p, "seconds": seconds} for p, seconds in ((1, 3.0), (2, 5.0), (1, 2.0), (2, 2.0))]
    assert speed.sweep.scaled(9.0, two, 64, 2) == pytest.approx(2 + 4 + 31 * 2)
    assert speed.sweep.scaled(9.0, two, 4, 2) == 9.0


@pytest.fixture
def measured(speed: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been measured: times and accuracies are made up."""
    asked = []

    def measure(cell: Any, *_: object) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        asked.append(" ".join(cell))
        seconds = 4.0 if cell.peer == "seqanom" else 8.0
        runs = [{"seed": s, "loss": "exp", "early": 0.6 + 0.01 * s, "late": 0.8 + 0.01 * s} for s in range(4)]
        path = "stacked torch" if cell.peer == "seqanom" else ""
        return {"members": 4, "seconds": seconds, "scaled": seconds, "path": path}, runs

    monkeypatch.setattr(speed.sweep, "measure_peer", measure)
    monkeypatch.setattr(speed.sweep, "measure_seqanom", measure)
    monkeypatch.setattr(speed.sweep_machine, "peak", lambda threads: 50.0 * threads)
    return asked


def options(folder: Path, **given: str) -> list[str]:
    chosen = {"shapes": "h8", **PLAIN, **given, "out": str(folder)}
    return [text for name, value in chosen.items() for text in (f"--{name}", value)]


def test_what_has_a_row_is_not_measured_again(speed: Any, measured: list[str], tmp_path: Path) -> None:
    speed.sweep.main(options(tmp_path, repeats="1"))
    assert measured == ["tiny lstm plain 1", "tiny lstm seqanom 1", *(f"h8 lstm {p}" for p in FIRST)]
    measured.clear()
    speed.sweep.main(options(tmp_path))
    assert measured[2:] == ["h8 lstm plain 2", "h8 lstm seqanom 2"]
    measured.clear()
    speed.sweep.main([*options(tmp_path, peers="plain", repeats="1"), "--again"])
    assert measured[1:] == ["h8 lstm plain 1", "h8 lstm plain full"]
    assert len(pd.read_csv(tmp_path / "sweep.csv")) == 5
    accuracy = pd.read_csv(tmp_path / "sweep_accuracy.csv")
    assert accuracy.groupby(["peer", "repeat"]).size().to_dict() == {
        ("plain", "1"): 4,
        ("plain", "full"): 4,
        ("seqanom", "1"): 4,
    }
    page = (tmp_path / "sweep.md").read_text(encoding="utf-8")
    assert "| hidden 8, B 32, T 50, 30 epochs | lstm | 8.00 | – | – | – | 4.00 | 2.0x | – | – | – |" in page
    assert "**Where a peer is faster:** nowhere." in page
    assert "of 4 mean differences" in page
    assert (tmp_path / "sweep.png").stat().st_size > 1000


FIRST = ("plain 1", "seqanom 1", "plain full")


def test_a_measurement_that_was_interrupted_is_made_anew(speed: Any, measured: list[str], tmp_path: Path) -> None:
    speed.sweep.main(options(tmp_path, repeats="1"))
    times = (tmp_path / "sweep.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "sweep.csv").write_text("".join(times[:-1]), encoding="utf-8")
    measured.clear()
    speed.sweep.main(options(tmp_path, repeats="1"))
    assert measured[2:] == ["h8 lstm plain full"]
    assert (tmp_path / "sweep.csv").read_text(encoding="utf-8").splitlines(keepends=True) == times
    assert len(pd.read_csv(tmp_path / "sweep_accuracy.csv")) == 3 * 4


def test_slower_cells_and_other_accuracies_are_named(speed: Any, measured: list[str], tmp_path: Path) -> None:
    speed.sweep.main(options(tmp_path, repeats="1"))
    table, accuracy = speed.sweep_page.tables(tmp_path)
    table.loc[table["peer"] == "seqanom", "scaled"] = 10.0
    accuracy.loc[accuracy["peer"] == "plain", "late"] += 0.05
    machine = json.loads((tmp_path / "sweep_machine.json").read_text(encoding="utf-8"))
    page = " ".join(speed.sweep_page.markdown(table, accuracy, machine, speed.sweep_shapes.SHAPES).split())
    assert "**Where a peer is faster:** hidden 8, B 32, T 50, lstm (plain: 8.00 s, seqanom: 10.0 s)." in page
    assert "2 are beyond 4 standard errors: hidden 8, B 32, T 50, lstm, plain, late: +5.0;" in page


def test_times_of_two_machines_are_not_mixed(
    speed: Any, measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speed.sweep.main(options(tmp_path, repeats="1"))
    monkeypatch.setattr(speed.sweep_machine, "usable_cores", lambda: 999)
    with pytest.raises(SystemExit, match=r"come from elsewhere \(cores \d+, here 999\).*another folder with --out"):
        speed.sweep.main(options(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shapes", "h9"], "unknown shape 'h9'; known: h8, h16, h32, h64, h128, t1000, tiny"),
        (["--peers", "plain,keras"], "unknown peer 'keras'; known: plain, processes, lightning, skorch, seqanom"),
        (
            ["--quick", "--peers", "plain"],
            "--quick is a trial, whose times say little; give it a folder of its own with --out",
        ),
        ([], r"lightning and skorch not installed; run pip install -c constraints.txt -e '.\[bench\]', or leave out"),
    ],
)
def test_a_wrong_call_ends_in_one_sentence(
    arguments: list[str], sentence: str, speed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed.sweep, "find_spec", lambda name: None)
    folder = [] if "--quick" in arguments else ["--out", str(tmp_path)]
    with pytest.raises(SystemExit, match=sentence):
        speed.sweep.main([*arguments, *folder])


def test_a_process_that_fails_is_named(speed: Any) -> None:
    with pytest.raises(SystemExit, match=r"h8 gru plain 1 ended with code 1: ZeroDivisionError: division by zero"):
        speed.sweep.run(["-c", "1 / 0"], "h8 gru plain 1")


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["plain", "processes", "lightning", "skorch"])
def test_every_peer_trains_the_same_detectors(peer: str, speed: Any, tmp_path: Path) -> None:
    if peer in ("lightning", "skorch") and find_spec(peer) is None:
        pytest.skip(f"{peer} is not installed; it comes with the extra bench")
    shape = replace(speed.sweep_shapes.TINY, sample=8)
    shape.write_data(tmp_path / "data")
    results = {}
    for name in {"plain", peer}:
        cell = speed.sweep.Cell("tiny", "lstm", name, "1")
        row, runs = speed.sweep.measure_peer(cell, shape, tmp_path / "data")
        assert row["members"] == len(shape.members)
        results[name] = [[run["early"], run["late"]] for run in runs]
    assert np.allclose(results[peer], results["plain"], atol=0.02)


@pytest.mark.slow
def test_the_whole_script_runs(speed: Any, tmp_path: Path) -> None:
    speed.sweep.main(options(tmp_path, shapes="tiny", repeats="1"))
    table = pd.read_csv(tmp_path / "sweep.csv")
    assert table["peer"].tolist() == ["plain", "seqanom"]
    assert table["path"].fillna("").str.len().tolist()[0] == 0
    assert table["members"].tolist() == [2, 8]
    assert (table["scaled"] > 0).all()
    assert len(pd.read_csv(tmp_path / "sweep_accuracy.csv")) == 2 + 8


# the committed results


def test_the_committed_page_is_made_from_its_results(speed: Any) -> None:
    table, accuracy = speed.sweep_page.tables(SPEED)
    machine = json.loads((SPEED / "sweep_machine.json").read_text(encoding="utf-8"))
    page = speed.sweep_page.markdown(table, accuracy, machine, speed.sweep_shapes.SHAPES)
    assert (SPEED / "sweep.md").read_text(encoding="utf-8") == page
    short = speed.sweep_page.ratios(table, speed.sweep_shapes.SHAPES)
    assert (SPEED / "sweep_ratios.md").read_text(encoding="utf-8") == short
    assert not table.duplicated(["shape", "model", "peer", "repeat"]).any()
    assert set(table["peer"]) == set(speed.sweep.ARMS)


def test_the_committed_sweeps_are_equally_accurate(speed: Any) -> None:
    found = speed.sweep_page.differences(speed.sweep_page.tables(SPEED)[1])
    assert not found["beyond"].any()
    assert found.groupby("bucket")["difference"].mean().abs().max() < 0.01
