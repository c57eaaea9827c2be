"""Every marked number of the README and of docs/ comes from a committed result, and those are current."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from seqanomaly.config import read_yaml
from seqanomaly.experiment import Experiment

ROOT = Path(__file__).parents[1]
STUDIES = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "experiments").glob("*/README.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_shows_what_the_results_are(page: Path, load_script: Callable[[str], ModuleType]) -> None:
    text = page.read_text(encoding="utf-8")
    assert load_script("experiments/pages.py").filled(text) == text, "run python experiments/pages.py"
    assert text.count("<!-- from: ") == text.count("<!-- end -->")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_the_results_of_its_experiment(name: str) -> None:
    kept = ROOT / "experiments" / name
    experiment = Experiment(**read_yaml(ROOT / "experiments" / f"{name}.yaml"))
    assert Experiment(**read_yaml(kept / "experiment.yaml")) == experiment, "run python experiments/study.py " + name
    table = pd.read_csv(kept / "comparison.csv")
    assert set(table["dataset"]) == {data.name for data in experiment.data}
    assert set(table["model"]) == {model.name for model in experiment.model}
    assert {loss.name for loss in experiment.loss} <= set(table["loss"])
    assert not table["note"].fillna("").str.contains("missing").any()
    assert table.loc[table["difference"].notna(), "n_pairs"].max() == len(experiment.seeds)


def test_the_capacity_page_is_made_from_its_table(load_script: Callable[[str], ModuleType]) -> None:
    figure = load_script("experiments/capacity/figure.py")
    page = (ROOT / "experiments" / "capacity" / "gain.md").read_text(encoding="utf-8")
    assert figure.markdown(figure.changes()) == page


@pytest.mark.parametrize("name", ["large", "loading"])
def test_the_pages_on_data_are_made_from_their_tables(load_script: Callable[[str], ModuleType], name: str) -> None:
    script = load_script(f"experiments/speed/{name}.py")
    assert script.PAGE.read_text(encoding="utf-8") == script.page()
