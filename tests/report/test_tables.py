"""The tables of a comparison, for the screen and for Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqanomaly.comparison import NOT_TRAINED, compare_runs
from seqanomaly.report.page import markdown
from seqanomaly.report.tables import (
    Block,
    blocks,
    bucket_context,
    dataset_blocks,
    interval,
    weight_blocks,
    weight_rows,
    weights_of,
    whole_blocks,
)
from seqanomaly.report.units import unit
from seqanomaly.report.words import findings
from seqanomaly.several import over_datasets

ENDS = ["early", "late"]


@pytest.fixture
def drift(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> Block:
    return blocks(comparison, bucket_context(stored_runs), ENDS)[0]


@pytest.fixture
def episodes(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> Block:
    return blocks(comparison, bucket_context(stored_runs), ENDS)[1]


def test_one_row_per_loss_with_both_buckets_and_their_changes(drift: Block) -> None:
    assert drift.title == "gru(hidden=4) on drift"
    assert drift.heads == ["loss", "early", "late", "early change", "late change", "ESS"]
    assert drift.rows == [
        ["uniform", "76.9 ± 0.7", "76.9 ± 0.6", "", "", "30.0"],
        ["linear", "74.8 ± 0.7", "77.1 ± 0.7", "-2.1 ± 0.3 *", "+0.2 ± 0.3", "27.4"],
        ["exp", "63.7 ± 1.3", "84.0 ± 0.7", "-13.1 ± 0.8 *", "+7.1 ± 0.4 *", "18.6"],
        ["step", "76.9 ± 0.7", "76.9 ± 0.6", "+0.0 ± 0.0", "+0.0 ± 0.0", "15.0"],
    ]


def test_the_footer_says_what_to_hold_it_against(drift: Block, episodes: Block) -> None:
    assert drift.footer == (
        "early: best possible 85.2, majority 50.0, prevalence 50.0; late: best possible 85.2, majority 50.0, "
        "prevalence 50.0; too few pairs: step"
    )
    assert episodes.footer == (
        "early: majority 75.0, prevalence 25.0; late: majority 75.0, prevalence 25.0; covers training randomness only; "
        "3 of 8 runs missing: step; too few pairs: step; late: too few pairs: linear"
    )


def test_a_metric_that_is_not_defined(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    block = blocks(comparison, bucket_context(stored_runs), ENDS, "auroc")[1]
    assert block.rows[1] == ["linear", "-", "86.0 ± 0.8", "", "+0.5 ± 0.5", "27.4"]
    assert block.footer == (
        "early: prevalence 25.0; late: prevalence 25.0; early: only one class in this bucket; "
        "too few pairs: linear, step; early: too few pairs: exp; 3 of 8 runs missing: step; "
        "late: covers training randomness only"
    )


def test_the_majority_stands_beneath_the_accuracy_only(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    context = bucket_context(stored_runs)
    named = {m: "majority" in blocks(comparison, context, ENDS, m)[0].footer for m in comparison["metric"].unique()}
    assert named == {"accuracy": True, "auroc": False}


def test_a_note_names_its_buckets_where_not_all_have_it(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    family = comparison[(comparison["dataset"] == "drift") & (comparison["metric"] == "accuracy")]

    def notes(*noted: tuple[str, str], shown: list[str] = ENDS) -> str:
        here = [(loss, bucket) in noted for loss, bucket in zip(family["loss"], family["bucket"], strict=True)]
        changed = family.assign(note=pd.Series(here, index=family.index).map({True: "a note", False: ""}))
        (block,) = blocks(changed, bucket_context(stored_runs), shown)
        return block.footer.split("prevalence 50.0")[-1].removeprefix("; ")

    early, late = ([(loss, bucket) for loss in family["loss"].unique()] for bucket in ENDS)
    assert notes(*early, *late) == "a note"
    assert notes(*early) == "early: a note"
    assert notes(("exp", "early"), ("exp", "late")) == "a note: exp"
    assert notes(("step", "late"), ("exp", "late")) == "late: a note: exp, step"
    assert notes(*late, shown=["late"]) == "a note"
    assert notes(*early, shown=["late"]) == ""  # a bucket that is not shown has nothing to say


def test_a_change_that_rounds_to_nothing_has_no_minus(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    for change, text in ((-0.0004, "+0.0 "), (0.0004, "+0.0 "), (-0.0006, "-0.1 "), (-0.1, "-10.0 ")):
        block = blocks(comparison.assign(difference=change), bucket_context(stored_runs), ENDS)[0]
        assert block.rows[1][3].startswith(text)


def test_a_loss_without_any_run(stored_runs: pd.DataFrame) -> None:
    lost = stored_runs["loss"] == "exp"
    runs = stored_runs.assign(note=stored_runs["note"].mask(lost, "missing")).assign(
        **{name: stored_runs[name].mask(lost) for name in ("value", "ess", "best_possible", "n", "prevalence")}
    )
    block = blocks(compare_runs(runs, "uniform"), bucket_context(runs), ENDS)[0]
    assert block.rows[2] == ["exp", "-", "-", "", "", "-"]
    assert "8 of 8 runs missing: exp" in block.footer


def test_one_seed_has_no_widths(stored_runs: pd.DataFrame) -> None:
    runs = stored_runs[stored_runs["seed"] == 0]
    block = blocks(compare_runs(runs, "uniform"), bucket_context(runs), ENDS)[0]
    assert block.rows[2] == ["exp", "63.0", "83.5", "-14.0", "+7.1", "18.6"]
    assert block.footer.endswith("one run, so no interval; too few pairs: linear, exp, step")


def test_one_bucket(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    block = blocks(comparison, bucket_context(stored_runs), ["late"])[0]
    assert block.heads == ["loss", "late", "late change", "ESS"]
    assert block.rows[2] == ["exp", "84.0 ± 0.7", "+7.1 ± 0.4 *", "18.6"]


def test_the_context_of_a_bucket(stored_runs: pd.DataFrame) -> None:
    assert bucket_context(stored_runs).to_dict("records") == [
        {"dataset": name, "bucket": bucket, "n": 1000.0, "prevalence": prevalence, "majority_accuracy": 1 - prevalence}
        for name, prevalence in (("drift", 0.5), ("episodes", 0.25))
        for bucket in ENDS
    ]


@pytest.mark.parametrize(
    ("mean", "high", "text"),
    [(0.5, 0.6, "50.0 ± 10.0"), (0.5, np.nan, "50.0"), (np.nan, np.nan, "-"), (1.0, 1.0, "100.0 ± 0.0")],
)
def test_an_interval(mean: float, high: float, text: str) -> None:
    assert interval(mean, high, unit("accuracy")) == text


def test_the_page(comparison: pd.DataFrame, stored_runs: pd.DataFrame, golden: Path) -> None:
    found = markdown(
        comparison,
        bucket_context(stored_runs),
        ENDS,
        name="golden",
        question="When does late weighting buy late accuracy?",
        sentences=findings(comparison, "uniform", "early", "late"),
        baseline="uniform",
    )
    page = (golden / "comparison.md").read_text(encoding="utf-8")
    assert page.startswith(found)
    assert page[len(found) :].startswith("\n## Accuracy: effects\n")


def test_without_a_question_there_is_no_gap(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    page = markdown(
        comparison, bucket_context(stored_runs), ENDS, name="a", question="", sentences=["b"], baseline="uniform"
    )
    assert page.startswith("# a\n\n- b\n\nPoints (%)")


def test_a_bar_in_a_name_does_not_break_the_table(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    renamed = comparison.assign(loss=comparison["loss"].replace("exp", "a|b"))
    page = markdown(renamed, bucket_context(stored_runs), ENDS, name="a", question="", sentences=[], baseline="uniform")
    assert "| a\\|b | 63.7 ± 1.3 | 84.0 ± 0.7 | -13.1 ± 0.8 \\* | +7.1 ± 0.4 \\* | 18.6 |\n" in page


def test_what_each_loss_makes_of_the_steps() -> None:
    runs = pd.DataFrame(
        [
            {"dataset": "tep", "model": "gru", "loss": loss, "seed": seed, "bucket": bucket, "metric": "accuracy"}
            | {"frame": "sequence", "normalize": "mean", "mean_weight": 1.0, "ess": ess + seed, "active_share": 0.5}
            | {"prevalence": 0.9, "train_prevalence": 0.25, "effective_prevalence": 0.75}
            for loss, ess in (("uniform", 50.0), ("exp", 20.0))
            for seed in range(2)
            for bucket in ENDS
        ]
    )
    (block,) = weight_blocks(weights_of([weight_rows(runs)]))
    assert block.title == "tep"
    assert block.rows == [
        ["uniform", "sequence", "mean", "1", "50.5", "50.0", "25.0", "75.0"],
        ["exp", "sequence", "mean", "1", "20.5", "50.0", "25.0", "75.0"],
    ]
    assert weights_of([weight_rows(runs.drop(columns="normalize"))]).empty


def test_models_that_are_not_trained_share_a_table(comparison: pd.DataFrame, stored_runs: pd.DataFrame) -> None:
    uniform = comparison[(comparison["loss"] == "uniform") & (comparison["dataset"] == "drift")]
    untrained = [uniform.assign(model=name, note=f"{NOT_TRAINED}; a note") for name in ("majority", "random")]
    made = blocks(pd.concat([comparison, *untrained]), bucket_context(stored_runs), ENDS)
    assert [block.title for block in made][2:] == ["not trained, on drift"]
    assert made[-1].heads == ["model", *ENDS]
    assert [row[0] for row in made[-1].rows] == ["majority", "random"]
    assert made[-1].rows[0][1:] == made[0].rows[0][1:3]
    assert made[-1].footer.endswith("; a note")


def test_delays_side_by_side(comparison: pd.DataFrame) -> None:
    family = comparison[(comparison["dataset"] == "drift") & (comparison["metric"] == "accuracy")]
    family = family[family["bucket"] == "late"].assign(bucket="all", note="")
    median = family.assign(metric="delay_median", mean=7.0, ci_high=7.5, difference=2.0, difference_high=2.5)
    never = family.assign(metric="never_detected", mean=0.25, ci_high=0.3, note="a note")
    heads = {"delay_median": "median", "never_detected": "never (%)"}
    (block,) = whole_blocks(pd.concat([median, never]), heads, ["delay_median"])
    assert block.heads == ["loss", "median", "never (%)", "change of the median"]
    assert block.rows[2] == ["exp", "7.0 ± 0.5", "25.0 ± 5.0", "+2.0 ± 0.5 *"]
    assert block.footer == "never (%): a note"


def test_ranks_over_data_sets(comparison: pd.DataFrame) -> None:
    (block,) = dataset_blocks(over_datasets(comparison, "uniform"), "late", "accuracy")
    assert block.title == "gru(hidden=4)"
    assert [row[0] for row in block.rows] == ["uniform", "linear", "exp", "step"]
    assert block.footer.startswith(
        "1 data sets; 1 of 2 data sets left out (step missing); too few data sets: 1, at least"
    )
