"""Commands and configurations start quickly: nothing heavy is imported before it is used."""

import subprocess
import sys

import pytest

HEAVY = {"torch", "pandas", "matplotlib", "sklearn", "scipy", "pyarrow"}


def imported_by(module: str) -> set[str]:
    """The top-level packages in memory after `module` is imported by a fresh interpreter."""
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["seqanom.main", "seqanomaly.run_config"])
def test_nothing_heavy_is_imported(module: str) -> None:
    found = imported_by(module)
    assert module.partition(".")[0] in found
    assert found & HEAVY == set()


def test_heavy_packages_would_be_noticed() -> None:
    assert {"torch", "numpy"} <= imported_by("seqanomaly.losses.base")
