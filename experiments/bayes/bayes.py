"""Does every model reach the Bayes rule of every synthetic task, and does none exceed it?

Usage: python experiments/bayes/bayes.py; writes bayes.csv (a row per detector), steps.csv (per detector and step),
forecast.csv (per forecaster) and bayes.md (the tables) beside itself, in about five minutes on two cores.

The Bayes rule decides 1 where the posterior is 1/2 or more, on the same test sequences that the detector is tested on.
Two gates for a detector: its accuracy, over all steps and over the late ones, is at most 0.02 below the rule's; and it
is not right significantly oftener, at any step or over all (`excess_over`), corrected over all detectors by Bonferroni.
Likewise a forecaster of `ar` on normal steps: its squared error is at most 2% above that of the true innovation, whose
variance is 1, and not significantly below it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.stats import norm, ttest_1samp
from sklearn.metrics import roc_auc_score

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.synthetic import Ar, Synthetic
from seqanomaly.detector import Detector
from seqanomaly.engines import choose_engine
from seqanomaly.experiment import Experiment
from seqanomaly.metrics.bayes import excess_over
from seqanomaly.run_config import RunConfig
from seqanomaly.store import Store
from seqanomaly.sweep import run_experiment
from seqanomaly.tasks import TASKS
from seqanomaly.training.loop import predict
from seqanomaly.training.stack import Shelf

HERE = Path(__file__).parent
SEEDS = range(100, 105)
NEAR, LEVEL = 0.02, 0.05
"""How far below the rule a detector may stay; the level of the test for an excess."""
LATE = slice(11, None)
"""Steps of the last third: (step + 0.5)/16 from 66.7% on."""
SIZES = {"length": 16, "train": 4000, "test": 20000}
DATA: dict[str, dict[str, Any]] = {
    "evidence": {"kind": "evidence", "mu": 0.5, **SIZES},
    "drift": {"kind": "drift", **SIZES},
    "onset": {"kind": "onset", "hazard": 0.1, **SIZES},
    "ar": {"kind": "ar", **SIZES},
}
MODELS: list[dict[str, Any]] = [
    {"kind": "rnn", "hidden": 32},
    {"kind": "gru", "hidden": 16},
    {"kind": "lstm", "hidden": 16},
    {"kind": "tcn", "channels": 16, "kernel": 3, "layers": 3},  # sees 29 steps, which is all of them
]
TRAIN: dict[str, Any] = {"batch_size": 64, "lr": 0.01, "clip": 1.0, "epochs": 10}


def experiment(task: str, kind: str, seeds: Iterable[int] = SEEDS) -> Experiment:
    """All models on one task; drift has more to learn."""
    of: dict[str, Any] = {"name": f"{task}-{kind}", "task": task, "data": DATA[kind], "model": MODELS}
    of |= {"loss": "uniform", "train": {**TRAIN, "epochs": 40} if kind == "drift" else TRAIN}
    return Experiment(**of, seeds=tuple(seeds))


def trained(experiment: Experiment, workers: int | None = None) -> Iterator[tuple[RunConfig, Detector]]:
    """Train every run and hand over its detector; nothing is kept."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        failed = run_experiment(experiment, store, choose_engine(workers), device="cpu").failed
        assert not failed, failed
        for config in experiment.expand():
            yield config, store.load(config.digest(None)).detector


def detected(config: RunConfig, detector: Detector) -> tuple[dict[str, object], pd.DataFrame]:
    """How a detector compares with the Bayes rule on its test sequences: in all, and step by step."""
    assert isinstance(config.data, Synthetic)
    test = config.data.open().parts(config.seed).test
    rule = (config.data.posterior(test.x) >= 0.5).astype(np.int64)
    decision = detector.judge(test).decision
    found = excess_over(decision, rule, test.label)
    right, best = decision == test.label, rule == test.label
    named: dict[str, Any] = {"dataset": config.data.name, "model": config.model.name, "seed": config.seed}
    row: dict[str, object] = {
        **named,
        "accuracy": right.mean(),
        "bayes": best.mean(),
        "difference": found.difference,
        "late_accuracy": right[:, LATE].mean(),
        "late_bayes": best[:, LATE].mean(),
        "late_difference": right[:, LATE].mean() - best[:, LATE].mean(),
        "t": found.t,
        "p_pooled": found.p_value,
        "best_step": found.steps["difference"].max(),
        "smallest_p_step": found.steps["p_adjusted"].min(),
        "p": found.p,
    }
    return row, found.steps.assign(**named)[[*named, *found.steps.columns]]


def forecast(config: RunConfig, detector: Detector) -> dict[str, object]:
    """How a forecaster of `ar` compares with the true innovation: squared error of normal steps, and areas."""
    assert isinstance(config.data, Ar)
    test = config.data.open().parts(config.seed).test
    innovation = test.x[:, 1:, 0].astype(np.float64) - config.data.phi * test.x[:, :-1, 0]  # [N, T - 1]
    residual = residuals(detector, test)[:, 1:]
    label, normal = test.label[:, 1:], test.label[:, 1:] == 0
    saved = np.where(normal, innovation**2 - residual**2, 0).sum(axis=1)  # per sequence
    error, least = float((residual[normal] ** 2).mean()), float((innovation[normal] ** 2).mean())
    return {
        "model": config.model.name,
        "seed": config.seed,
        "squared_error": error,
        "innovation": least,
        "ratio": error / least,
        "p": float(ttest_1samp(saved, 0, alternative="greater").pvalue),
        "auroc_signed": roc_auc_score(label.ravel(), residual.ravel()),
        "auroc_innovation": roc_auc_score(label.ravel(), innovation.ravel()),
        "auroc_absolute": roc_auc_score(label.ravel(), np.abs(residual).ravel()),
    }


def residuals(detector: Detector, test: Sequences) -> NDArray[np.float64]:
    """Observed minus forecast in the units of the data, [N, T], for one feature."""
    scaled = detector.scaler.apply(test)
    model = detector.model.build(1, 1)
    shelf = Shelf([TASKS["forecast"].learning(scaled)], torch.device("cpu"))
    outputs = predict(model, detector.weights.unsqueeze(0), shelf)[0, ..., 0].double().numpy()  # [N, T]
    return np.asarray((scaled.x[..., 0] - outputs) * detector.scaler.scale[0], np.float64)


def page(detectors: pd.DataFrame, steps: pd.DataFrame, forecasters: pd.DataFrame) -> str:
    """The tables, as Markdown: means over seeds, and the worst seed."""
    lines = [
        "| data | model | accuracy | Bayes rule | difference | worst seed | late | worst seed | best step |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for (data, model), of in detectors.groupby(["dataset", "model"], sort=False):
        all_steps, late = of["difference"], of["late_difference"]
        lines.append(
            f"| {data} | {model} | {of['accuracy'].mean():.4f} | {of['bayes'].mean():.4f} | {all_steps.mean():+.4f} | "
            f"{all_steps.min():+.4f} | {late.mean():+.4f} | {late.min():+.4f} | {of['best_step'].max():+.4f} |"
        )
    lines += [
        "",
        "| forecaster of ar | squared error | of the innovation | worst ratio | smallest p | AUROC signed | "
        "of the innovation | absolute |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, of in forecasters.groupby("model", sort=False):
        mean = of[["squared_error", "innovation", "auroc_signed", "auroc_innovation", "auroc_absolute"]].mean()
        lines.append(
            f"| {name} | {mean['squared_error']:.4f} | {mean['innovation']:.4f} | {of['ratio'].max():.4f} | "
            f"{of['p'].min():.2g} | {mean['auroc_signed']:.4f} | {mean['auroc_innovation']:.4f} | "
            f"{mean['auroc_absolute']:.4f} |"
        )
    return "\n".join([*lines, "", *verdicts(detectors, steps, forecasters)]) + "\n"


def verdicts(detectors: pd.DataFrame, steps: pd.DataFrame, forecasters: pd.DataFrame) -> list[str]:
    """What the gates say, one sentence each."""
    short = (detectors[["difference", "late_difference"]].min(axis=1) < -NEAR).sum()
    over, raw = (detectors["p"] * len(detectors) < LEVEL).sum(), (steps["p_value"] < LEVEL).sum()
    error = detectors["difference"] / detectors["t"]
    far, low = (forecasters["ratio"] > 1 + NEAR).sum(), (forecasters["p"] * len(forecasters) < LEVEL).sum()
    return [
        f"- {short} of {len(detectors)} detectors stay more than {NEAR} below the Bayes rule, over all steps or late.",
        f"- {over} exceed it significantly: the smallest p before Bonferroni is {detectors['p'].min():.2g}; {raw} of "
        f"the {len(steps)} single steps have a raw p under {LEVEL}, where detectors as good as the rule would have up "
        f"to {LEVEL * len(steps):.0f}.",
        f"- The standard error of a detector's difference over all steps is {error.min():.4f} to {error.max():.4f}.",
        f"- {far} of {len(forecasters)} forecasters have a squared error more than {NEAR:.0%} above the innovation's, "
        f"and {low} are significantly below it (smallest p {forecasters['p'].min():.2g} before Bonferroni).",
        f"- The signed residual's AUROC can reach {norm.cdf(0.5**0.5):.4f}; the score of the task `forecast`, "
        "the absolute residual, stays below.",
    ]


def main() -> None:
    """Train all detectors and write what came out."""
    rows, steps = [], []
    for kind in DATA:
        for config, detector in trained(experiment("detect", kind)):
            row, by_step = detected(config, detector)
            rows.append(row)
            steps.append(by_step)
        print(f"detect {kind}: done")
    detectors = pd.DataFrame(rows)
    forecasters = pd.DataFrame([forecast(*run) for run in trained(experiment("forecast", "ar"))])
    tables = {"bayes": detectors, "steps": pd.concat(steps), "forecast": forecasters}
    for name, table in tables.items():
        table.to_csv(HERE / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    read = (pd.read_csv(HERE / f"{name}.csv") for name in tables)
    (HERE / "bayes.md").write_text(page(*read), encoding="utf-8")
    print((HERE / "bayes.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
