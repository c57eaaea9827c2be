"""What every test shares."""

import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import settings

Write = Callable[[Path], None]

settings.register_profile("here", deadline=None)  # machines are shared and noisy
settings.register_profile("ci", deadline=None, derandomize=True)  # a failure there is the change's own
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Small tensors are faster so, and a sum has one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference values beside a checkout; a test that needs it is skipped where it is absent."""
    folder = Path(os.environ.get("SEQANOM_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "golden").is_dir():
        pytest.skip("the shared reference values are neither at $SEQANOM_SHARED nor at ../shared beside the checkout")
    return folder


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Gives a script of this repository, named by its path in it, as a module."""

    def load(path: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(Path(path).stem, Path(__file__).parents[1] / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A small data set of a family, as its test in `formats/` declares it in a mapping `SAMPLE`."""

    kind: str
    write: Write
    """Writes it into a folder that does not exist yet."""
    path: str = "."
    """What is opened, in that folder."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings beside the path."""
    parts: str = "drawn"
    """`drawn`: by the seed; `given`: the test part is; `continued`: the test part goes on with the training series."""
    task: str = "detect"
    """What a detector may be trained for on it."""
    needs: str | None = None
    """A package without which it is skipped."""
    lack: Write | None = None
    """Takes one value of one step out of the files that were written; None where no value can be missing."""

    def require(self) -> None:
        if self.needs is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pytest.importorskip(self.needs, reason=f"the package {self.needs} is not installed")

    def opened_with(self, folder: Path) -> dict[str, Any]:
        return {"kind": self.kind, "path": str(folder / self.path), **self.settings}


@pytest.fixture(scope="session")
def collections() -> Mapping[str, Write]:
    """Small data sets of other public collections by the names that the page on data gives them."""
    spec = importlib.util.spec_from_file_location(
        "collections_of", Path(__file__).parent / "datasets" / "test_other_families.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, Write] = module.COLLECTIONS
    return found


@pytest.fixture(scope="session")
def declared() -> Mapping[str, Sample]:
    """The samples that the tests in `formats/` declare, by kind."""
    found = {}
    for path in sorted((Path(__file__).parent / "datasets" / "formats").glob("test_*.py")):
        if "\nSAMPLE = " not in path.read_text(encoding="utf-8"):
            continue
        spec = importlib.util.spec_from_file_location(f"declared_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sample = Sample(**vars(module)["SAMPLE"])
        found[sample.kind] = sample
    return found
