"""Who imports whom, and what no file may do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
LIBRARY = sorted(p for p in (ROOT / "seqanomaly").rglob("*.py") if "_data" not in p.parts)
COMMANDS = sorted((ROOT / "cli").rglob("*.py"))
PICKLES = re.compile(
    r"\bpickle\b|\bjoblib\b|\btorch\.(load|save)\b|allow_pickle\s*=\s*True|\bread_pickle\b|yaml\.unsafe"
)


def test_imports_run_downward(capsys: pytest.CaptureFixture[str]) -> None:
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_both_packages_are_looked_at() -> None:
    assert {"run.py", "sweep.py", "store.py"} <= {path.name for path in LIBRARY}
    assert {"main.py", "console.py"} <= {path.name for path in COMMANDS}


@pytest.mark.parametrize("path", [*LIBRARY, *COMMANDS], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_pickled(path: Path) -> None:
    # what is trained is JSON, CSV and safetensors, so that a run folder from a stranger runs no code
    text = path.read_text(encoding="utf-8")
    for harmless in ("safetensors.torch.", "is a pickle, which", '".pickle"'):  # the last two refuse one
        text = text.replace(harmless, "")
    assert PICKLES.findall(text) == []


def calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_does_not_print(path: Path) -> None:
    assert calls(path).isdisjoint({"print", "input", "exit", "eval", "exec"})


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_place_prints(path: Path) -> None:
    assert calls(path).isdisjoint({"print", "input", "exit", "eval", "exec"})
    if path.name != "console.py":
        text = path.read_text(encoding="utf-8")
        assert "sys.stdout" not in text
        assert "typer.echo" not in text
