"""Readers say which file they begin, to whoever wants to know."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from seqanom import console
from seqanom.main import app

from seqanomaly.datasets.formats.folder import Folder
from seqanomaly.datasets.watching import watching

TABLE = "label,x\n0,1.5\n1,2.5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve small tables, one sequence in each."""
    (tmp_path / "machines").mkdir()
    for number in range(12):
        (tmp_path / "machines" / f"m{number:02}.csv").write_text(TABLE)
    return tmp_path / "machines"


def test_each_file_is_told_once_and_in_order(folder: Path) -> None:
    seen: list[tuple[str, int]] = []
    data = Folder(path=str(folder))
    with watching(lambda path, count: seen.append((path.name, count))):
        data.open()
    assert seen == [(f"m{number:02}.csv", number + 1) for number in range(12)]
    data.open()
    assert len(seen) == 12


@pytest.mark.parametrize(("terminal", "said"), [(True, True), (False, False)])
def test_the_command_shows_it_on_a_terminal_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, said: bool
) -> None:
    screen = StringIO()
    monkeypatch.setattr(console, "_remarks", Console(file=screen, force_terminal=terminal, width=200))
    updates: list[str] = []
    from rich.status import Status

    plain: Callable[..., None] = Status.update

    def update(self: Status, text: str) -> None:
        updates.append(text)
        plain(self, text)

    monkeypatch.setattr(Status, "update", update)
    assert console.run(app, ["data", "show", str(folder)]) == 0
    assert (updates[-1:] == ["Reading folder(path=machines): file 12, m11.csv"]) is said
    assert ("Reading folder" in screen.getvalue()) is said


def test_many_runs_show_what_is_read_before_they_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(console, "_remarks", Console(file=screen, force_terminal=True, width=200))
    with console.counting("many", 10, lambda done: (done, f"{done} done")) as update:
        Folder(path=str(folder)).open()
        assert "many: reading file 12, m11.csv" in screen.getvalue()
        update(3)
        screen.truncate(0)
        Folder(path=str(folder)).open()
    assert "reading" not in screen.getvalue()
