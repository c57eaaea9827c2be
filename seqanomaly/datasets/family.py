"""What the families of public data sets have in common: files under a path, read by a reader of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from seqanomaly.config import call
from seqanomaly.datasets.episodes import SHIPPED
from seqanomaly.datasets.opened import Loaded, Opened, reading
from seqanomaly.datasets.policies import Cleaned
from seqanomaly.datasets.source import Source
from seqanomaly.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Family(Cleaned, ABC):
    """A family of files in its source's own layout.

    A run's address depends on the names of the files that are read, relative to the path, and on their content; a
    compressed file counts as what it holds.
    """

    title: ClassVar[str]
    """What the family is called by those who know it."""
    looks: ClassVar[str]
    """What its files look like."""
    example: ClassVar[str]
    """What `--data` takes to read some, with paths as a user would have them."""
    path: str | None
    """Folder or file; relative to where the command runs."""

    @property
    def name(self) -> str:
        """The kind and what differs from the defaults; of a path only its last part."""
        changed = self.changed()
        return call(self.kind, changed | ({"path": _last(changed["path"])} if "path" in changed else {}))

    @classmethod
    @abstractmethod
    def recognise(cls, path: Path) -> dict[str, Any] | None:
        """The settings beside `path` (which may be among them) if it looks like this family's, else None."""

    @abstractmethod
    def files(self) -> Sequence[Path]:
        """The files that are read, in a fixed order; a `DataError` names one that is missing."""

    @abstractmethod
    def read(self, files: Sequence[Path]) -> Loaded:
        """The sequences in `files`; a `DataError` names the file, the row and what is wrong."""

    def test_share(self) -> float:
        """Share of the sequences that the seed draws for testing where no test part is given."""
        return 0.0

    def root(self) -> Path:
        """The folder or file that `path` names."""
        assert self.path is not None
        from seqanomaly.datasets.formats.stream import state

        root = Path(self.path)
        if state(root) is None:
            raise DataError(f"{root}: there is no such file or folder")
        return root

    def base(self) -> Path:
        """The folder that the names of the files are relative to."""
        return self.root() if self.root().is_dir() else self.root().parent

    def content_digest(self) -> str:
        from seqanomaly.datasets.formats.text import digest_of

        return digest_of(self._own_files(), self.base())

    def open(self) -> Source:
        """Read and check the files."""
        from seqanomaly.datasets.cleaning import clean
        from seqanomaly.datasets.formats.text import digest_of

        files = self._own_files()
        with reading(files, self.path or self.kind):
            loaded, digest = self.read(files), digest_of(files, self.base())
            if self.path is not None:
                note = f"{_last(self.path)} is read as {self.title} (kind: {self.kind})"
                loaded = replace(loaded, notes=(note, *loaded.notes))
            loaded = clean(loaded, self.policies(), _last(self.path or self.kind))
            few = f"{_last(self.path or self.kind)} holds too few, so give a folder with more"
            return Opened(
                loaded,
                self.name,
                digest=digest,
                test_share=self.test_share(),
                few=few,
                policies=self.policies().active(),
            )

    def _own_files(self) -> Sequence[Path]:
        """The files that are read, all of them in the folder, none twice."""
        from seqanomaly.datasets.formats.stream import check_own

        files = self.files()
        check_own(files, self.base(), self.root())
        return files


class Given(Family, ABC):
    """A family that does not ship, so its path is needed."""

    path: str
    """Folder or file; relative to where the command runs."""


class Shipped(Family, ABC):
    """A family with a copy that ships with the package."""

    path: str | None = None
    """Folder or file; by default the copy that ships with the package."""

    def root(self) -> Path:
        return SHIPPED / self.kind if self.path is None else super().root()


class Drawn(Family, ABC):
    """A family without a given test part."""

    test: float = Field(0.3, gt=0, lt=1)
    """Share of the sequences that the seed draws for testing."""

    def test_share(self) -> float:
        return self.test


def _last(path: Any) -> str:
    """The last part of a path, also of `.` and `..`."""
    name = Path(path).name
    return name if name not in ("", "..") else Path(path).resolve().name
