"""What the README says is true: its YAML, its commands, its links; its tables are tested with the other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from seqanom.main import app
from typer.main import get_command

from seqanomaly.config import parse_yaml
from seqanomaly.experiment import Experiment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_yaml_is_an_experiment() -> None:
    (text,) = blocks("yaml")
    experiment = Experiment(**parse_yaml(text, "README.md"))
    assert [loss.name for loss in experiment.loss] == ["uniform", "linear", "exp(rate=0.05)", "exp", "step"]
    assert [model.name for model in experiment.model] == ["gru(hidden=4)", "gru", "tcn"]


@pytest.mark.parametrize("line", re.findall(r"^seqanom (.+)$", "\n".join(blocks("sh")), re.MULTILINE))
def test_commands_name_what_exists(line: str) -> None:
    command, *rest = line.split("#")[0].split()
    found = get_command(app).commands[command]  # type: ignore[attr-defined]
    options = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= options


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
