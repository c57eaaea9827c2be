"""Run folders, addressed by the digest of what was run; the only place that knows their names and files.

A run folder is written beside its place and appears by one rename, so one that exists is complete. Runs and failures
fan out over 256 folders each, `runs/ab/ab12...` and `failures/ab/ab12....json`, so that none grows large.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from seqanomaly.config import digest, dump_yaml, keys, read_yaml
from seqanomaly.errors import ConfigError, DataError
from seqanomaly.experiment import Digests, Experiment
from seqanomaly.paths import DATA, EXPERIMENT, FAILURES, RUNS, failure_file, run_folder, whole
from seqanomaly.run_config import RunConfig

if TYPE_CHECKING:
    from seqanomaly.detector import Detector

SCORES, SEQUENCES = "scores.parquet", "sequences.csv"
A_DAY = 86400.0
"""Seconds after which nobody writes to a draft any more."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What one run left behind."""

    config: RunConfig
    """What was run."""
    digest: str
    """Its address."""
    metrics: pd.DataFrame
    """One row per bucket and metric; see `metrics.buckets.bucket_metrics`."""
    curve: pd.DataFrame
    """One row per step; see `metrics.buckets.step_curve`."""
    history: pd.DataFrame
    """One row per epoch: epoch, train_loss, validation_loss, best."""
    environment: dict[str, Any]
    """Versions, device, path taken, stack, data, the weights' diagnostics and notes for the reader."""
    detector: Detector
    """The trained detector."""
    onset: pd.DataFrame
    """Recall by steps since the onset; see `metrics.delay.recall_since_onset`."""
    reliability: pd.DataFrame
    """The reliability curve of each bucket; see `metrics.buckets.reliability_by_bucket`."""
    sequences: pd.DataFrame | None = None
    """Counts per bucket and test sequence, where the test part is fixed; see `metrics.buckets.sequence_counts`."""
    scores: pd.DataFrame | None = None
    """One row per test step (sequence, step, position, label, score, decision), where they were asked for."""


class Store:
    """The runs under one folder.

    Args:
        root: the folder; it need not exist before something is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, digest: str) -> Path:
        """Where the run of that digest lies or will lie."""
        return run_folder(self.root, digest)

    def __contains__(self, digest: str) -> bool:
        return self.folder(digest).is_dir()

    def has(self, digest: str, *, scores: bool) -> bool:
        """Whether the run is finished, with its scores per step where they are asked for."""
        return digest in self and (not scores or (self.folder(digest) / SCORES).is_file())

    def digests(self) -> list[str]:
        """All finished runs, sorted."""
        return sorted(path.name for path in self.root.glob(RUNS))

    def find(self, beginning: str) -> list[Path]:
        """The folders of all runs whose digest starts so."""
        return [self.folder(digest) for digest in self.digests() if digest.startswith(beginning)]

    def prepare(self) -> None:
        """Make sure that runs can be written, and remove what killed ones left; a `ConfigError` says why not."""
        try:
            (self.root / "runs").mkdir(parents=True, exist_ok=True)
            for draft in self.root.glob("runs/.draft-*"):
                if draft.stat().st_mtime < time.time() - A_DAY:
                    shutil.rmtree(draft, ignore_errors=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise self._cannot_write(error) from None

    def publish(self, result: RunResult) -> Path:
        """Write a finished run whole; the folder that already lies there is kept."""
        place = self.folder(result.digest)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.root / "runs"))
        try:
            _write(draft, result)
            draft.chmod(0o777 & ~_umask())
            draft.rename(place)
        except OSError as error:
            if not place.is_dir():
                raise self._cannot_write(error) from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._failure(result.digest).unlink(missing_ok=True)
        return place

    def keep_experiment(self, experiment: Experiment, digests: Digests) -> None:
        """Keep the experiment and the digests of its data beside its runs, so that a report needs nothing else."""
        kept = {"experiment": digest(experiment.settings()), "data": list(digests.values())}
        with self._written(EXPERIMENT) as draft:
            draft.write_text(dump_yaml(experiment.settings()), encoding="utf-8")
        with self._written(DATA) as draft:
            draft.write_text(json.dumps(kept) + "\n", encoding="utf-8")

    def experiment(self) -> tuple[Experiment, Digests]:
        """The experiment of this folder and the digests of its data, in its order."""
        try:
            experiment = Experiment(**keys(read_yaml(self.root / EXPERIMENT)))
            kept = _read_json(self.root / DATA)
            if kept["experiment"] != digest(experiment.settings()):
                raise ValueError("they do not belong together")
            return experiment, dict(zip(experiment.data, kept["data"], strict=True))
        except (ConfigError, OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{self.root}: {EXPERIMENT} or {DATA} is damaged or of another version ({error}); run compare again"
            ) from None

    def add_scores(self, result: RunResult) -> None:
        """Write the scores per step into a run folder that has none."""
        if result.scores is not None and not self.has(result.digest, scores=True):
            with whole(self.folder(result.digest) / SCORES) as draft:
                result.scores.to_parquet(draft, index=False)

    def record_failure(self, config: RunConfig, digest: str, reason: str, command: str) -> Path:
        """Keep why a run failed and the command that repeats it, until it succeeds."""
        record = {"title": config.title, "reason": reason, "command": command, "config": config.settings()}
        path = self._failure(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as draft:
            draft.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return path

    def failures(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Digest and record of each failed run, sorted by digest."""
        for path in sorted(self.root.glob(FAILURES), key=lambda path: path.stem):
            yield path.stem, _read_json(path)

    def load(self, digest: str) -> RunResult:
        """Read a finished run; a `DataError` names a file that is missing or damaged."""
        from seqanomaly.detector import Detector  # loads torch, which a sweep's parent does without

        folder = self.folder(digest)
        return RunResult(
            config=read_config(folder),
            digest=digest,
            metrics=read_table(folder / "metrics.csv"),
            curve=read_table(folder / "curve.csv"),
            history=read_table(folder / "history.csv"),
            onset=read_table(folder / "onset.csv"),
            reliability=read_table(folder / "reliability.csv"),
            sequences=read_table(folder / SEQUENCES) if (folder / SEQUENCES).is_file() else None,
            environment=read_environment(folder),
            detector=Detector.load(folder),
        )

    @contextmanager
    def _written(self, name: str) -> Iterator[Path]:
        """A draft of the file of that name, see `whole`; a `ConfigError` says why it cannot be written."""
        try:
            with whole(self.root / name) as draft:
                yield draft
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> ConfigError:
        return ConfigError(f"{self.root}: cannot write there ({error.strerror}); choose another folder", ("out",))

    def _failure(self, digest: str) -> Path:
        return failure_file(self.root, digest)


def read_config(folder: Path) -> RunConfig:
    """The configuration in a run folder."""
    path = folder / "config.yaml"
    try:
        found = read_yaml(path)
    except ConfigError as error:
        raise DataError(str(error)) from None
    try:
        return RunConfig(**keys(found))
    except ConfigError as error:
        raise DataError(f"{path}: {error}") from None


def read_environment(folder: Path) -> dict[str, Any]:
    """The environment of a run folder."""
    return _read_json(folder / "environment.json")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: missing or damaged ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: missing or damaged (it holds no mapping)")
    return found


_TEXT = {"bucket": str, "metric": str, "note": str}


def _write(folder: Path, result: RunResult) -> None:
    config = "".join(_section(json.dumps({name: part})) for name, part in result.config.settings().items())
    (folder / "config.yaml").write_text(f"# {result.config.title}\n{config}", encoding="utf-8")
    tables = {name: getattr(result, name) for name in ("metrics", "curve", "history", "onset", "reliability")}
    if result.sequences is not None:
        tables["sequences"] = result.sequences
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(_csv(table), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(result.environment, indent=2) + "\n", encoding="utf-8")
    result.detector.save(folder)
    if result.scores is not None:
        result.scores.to_parquet(folder / SCORES, index=False)


@lru_cache(maxsize=4096)
def _section(part: str) -> str:
    """A part of a configuration, given as JSON, in YAML: the runs of a sweep have most of them in common."""
    return dump_yaml(json.loads(part))


def _csv(table: pd.DataFrame) -> str:
    """What `to_csv` writes, in a fraction of its time for a small table."""
    text, columns = StringIO(), [table[name].tolist() for name in table.columns]
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(table.columns)
    lines.writerows(zip(*([None if value != value else value for value in column] for column in columns), strict=True))
    return text.getvalue()


def read_table(path: Path) -> pd.DataFrame:
    """One of the tables in a run folder."""
    try:
        table = pd.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: missing or damaged ({error})") from None
    return table.assign(note=table["note"].fillna("")) if "note" in table else table


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
