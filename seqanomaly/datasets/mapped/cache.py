"""Where converted tables lie: a folder per content and meaning of the columns, made once and never changed."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from seqanomaly.config import digest
from seqanomaly.datasets.formats.table import content_digest
from seqanomaly.datasets.mapped.behind import Behind
from seqanomaly.datasets.watching import begun
from seqanomaly.errors import DataError
from seqanomaly.paths import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")
Make = Callable[[Path, Callable[[int], object]], None]

PLACE = "SEQANOM_CACHE"
"""Environment variable with the folder of converted tables."""
SETTLED = 2.0
"""Seconds after its last change from which on a file of the same size and time is taken for unchanged."""


def cache_folder() -> Path:
    """`$SEQANOM_CACHE`, else `$XDG_CACHE_HOME/seqanom`, else `~/.cache/seqanom`."""
    given = os.environ.get(PLACE)
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqanom"


def known_digest(path: Path, passed: Callable[[int], object] = lambda place: None) -> str:
    """The digest of a file's bytes, as `content_digest`; one that has not changed since is not read again.

    A file is known by its place, number, size and time of its last change; see `content_digest` for `passed`.
    """
    return _remembered(path) or remember(path, content_digest(path, passed))


def _remembered(path: Path) -> str | None:
    try:
        found = json.loads(_memo(path).read_text(encoding="utf-8"))
        same = found["version"] == _version(path) and isinstance(found["digest"], str)
        return found["digest"] if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(path: Path, found: str) -> str:
    """Note the digest of a file that has been at rest for a while; gives it back."""
    if time.time() - path.stat().st_mtime > SETTLED:
        with writing(), whole(_memo(path)) as draft:
            draft.write_text(json.dumps({"version": _version(path), "digest": found}), encoding="utf-8")
    return found


def _memo(path: Path) -> Path:
    return cache_folder() / "digests" / f"{digest(os.path.realpath(path))}.json"


def _version(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


def kept(path: Path, meaning: object, size: Callable[[], int], make: Make, read: Callable[[Path], T]) -> T:
    """What is read from the folder of a file's content and `meaning`; it is made first where it is not there.

    A folder appears whole, by one rename, so that readers never meet a half; of two that are made at once, one is kept.
    One that cannot be read is made again.

    Args:
        path: the file.
        meaning: what else the converted files depend on.
        size: gives the bytes that they take, where they are to be made.
        make: converts the file into a new folder, and tells how far it has read the file.
        read: opens what is in a folder; a `DataError` says that it is damaged.
    """
    found = _remembered(path)
    if found is not None and (folder := _folder(found, meaning)).is_dir():
        try:
            return read(folder)
        except DataError:
            _remove(folder)
    return read(_made(path, meaning, size, make, read))


def _made(path: Path, meaning: object, size: Callable[[], int], make: Make, read: Callable[[Path], T]) -> Path:
    """The folder, converted while the file's digest is computed beside."""
    begun(path)
    root, wanted = cache_folder(), size()
    draft = root / f".{os.getpid()}.{threading.get_ident()}.{digest([str(path), meaning])}"
    with writing(), _removed_at_the_end(draft):
        draft.mkdir(parents=True)
        free = shutil.disk_usage(draft).free
        if free < wanted:
            raise DataError(
                f"{path}: its converted copy takes {wanted / 1e9:.1f} GB and {root} has {free / 1e9:.1f} GB free; make "
                f"room, or name another folder with the environment variable {PLACE}"
            )
        with Behind(path, readers=2) as behind:
            beside = _Digest(path, partial(behind.past, 0))
            make(draft, partial(behind.past, 1))
            folder = _folder(beside.result(), meaning)
        try:
            draft.replace(folder)
        except OSError:  # it is there already
            if not _readable(folder, read):
                _remove(folder)
                draft.replace(folder)
    return folder


class _Digest(threading.Thread):
    """A file's digest, computed while something else goes on."""

    def __init__(self, path: Path, passed: Callable[[int], object]) -> None:
        super().__init__(daemon=True)
        self.path, self.passed, self.found = path, passed, ""
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.found = known_digest(self.path, self.passed)
            self.passed(self.path.stat().st_size)
        except Exception as error:  # raised where it is waited for
            self.error = error

    def result(self) -> str:
        """The digest, once it is known."""
        self.join()
        if self.error is not None:
            raise self.error
        return self.found


def _folder(content: str, meaning: object) -> Path:
    return cache_folder() / digest([content, meaning])


def _readable(folder: Path, read: Callable[[Path], T]) -> bool:
    try:
        read(folder)
    except DataError:
        return False
    return True


def _remove(folder: Path) -> None:
    """Take a damaged folder away, first by one rename, so that nobody meets half of it."""
    aside = folder.with_name(f".{os.getpid()}.{threading.get_ident()}.damaged.{folder.name}")
    with suppress(OSError):
        folder.replace(aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _removed_at_the_end(draft: Path) -> Iterator[None]:
    try:
        yield
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def writing() -> Iterator[None]:
    """Raise a `DataError` where the cache cannot be written."""
    root = cache_folder()
    try:
        (root / "digests").mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(
            f"{root}: the converted copy of a large table cannot be written there ({error.strerror or error}); name "
            f"another folder with the environment variable {PLACE}, or read the table whole with mapped: false"
        ) from None
