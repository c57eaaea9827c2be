"""What is kept of the runs for a report: they come part by part, and each part is looked at by a helper."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Protocol

import pandas as pd

from seqanomaly.bootstrap import change
from seqanomaly.choosing import chosen_details
from seqanomaly.comparison import compare_runs
from seqanomaly.effects import effects
from seqanomaly.errors import DataError
from seqanomaly.report.plots import PANELS, bands, curve_bands
from seqanomaly.report.quality import pooled
from seqanomaly.report.tables import context_sums, weight_rows

Detail = Literal["curve", "onset", "reliability", "sequences"]
"""The tables of a run that a report looks into beside its metrics."""
AHEAD = 16
"""Parts at most that are with the helpers, or whose results wait for those of a part before."""


class Part(Protocol):
    """Runs that are compared with each other; see `collect.stored_parts`."""

    @property
    def runs(self) -> pd.DataFrame:
        """See `collect.collect`."""
        ...

    def titles(self, detail: Detail) -> list[str]:
        """The titles that have rows in one of the further tables."""
        ...

    def details(self, detail: Detail, titles: Sequence[str] | None = None) -> pd.DataFrame:
        """The rows of all titles, or of these; see `collect.collect_details`."""
        ...


@dataclass(frozen=True)
class Asked:
    """What the runs are asked."""

    baseline: str
    """The loss that the others are compared with."""
    axes: list[str]
    """Names of the further axes."""
    ends: list[str]
    """The early and the late bucket, or the one there is."""


@dataclass(frozen=True)
class Found:
    """What is kept of a part: a row per loss, bucket and metric, and some numbers per run."""

    comparison: pd.DataFrame
    """See `comparison.compare_runs`."""
    effects: pd.DataFrame
    """See `effects.effects`."""
    context: pd.DataFrame
    """See `report.tables.context_sums`."""
    weights: pd.DataFrame
    """See `report.tables.weight_rows`."""


@dataclass
class Gathered:
    """What is kept of all parts, and what the first panels of the figures show."""

    asked: Asked
    found: list[Found] = field(default_factory=list)
    shown: dict[Detail, list[pd.DataFrame]] = field(default_factory=dict)
    titles: dict[Detail, int] = field(default_factory=dict)
    """How many panels there are in all."""

    def comparison(self) -> pd.DataFrame:
        """The comparisons of all parts."""
        return joined([found.comparison for found in self.found])

    def effects(self) -> pd.DataFrame:
        """The effects of all parts, those on late minus early last."""
        found = joined([found.effects for found in self.found])
        last = found["bucket"] == change(self.asked.ends[0], self.asked.ends[-1])
        return pd.concat([found[~last], found[last]], ignore_index=True)


def gather(parts: Iterable[Part], asked: Asked, helper: Executor) -> Gathered:
    """Ask every part; the results are in the order of the parts."""
    made, waiting = Gathered(asked), deque[tuple[Future[Found], dict[Detail, Future[pd.DataFrame]]]]()
    for part in parts:
        waiting.append((helper.submit(_found, part, asked), _panels(part, made, helper)))
        if len(waiting) > AHEAD:
            _keep(made, *waiting.popleft())
    while waiting:
        _keep(made, *waiting.popleft())
    return made


def _panels(part: Part, made: Gathered, helper: Executor) -> dict[Detail, Future[pd.DataFrame]]:
    """What those of its panels show that are among the first ones."""
    asked: dict[Detail, Future[pd.DataFrame]] = {}
    for detail in SUMMARIES:
        titles, before = part.titles(detail), made.titles.get(detail, 0)
        made.titles[detail] = before + len(titles)
        if wanted := titles[: max(0, PANELS - before)]:
            asked[detail] = helper.submit(_shown, part, detail, wanted)
    return asked


def _keep(made: Gathered, found: Future[Found], panels: dict[Detail, Future[pd.DataFrame]]) -> None:
    made.found.append(found.result())
    for detail, summary in panels.items():
        made.shown.setdefault(detail, []).append(summary.result())


def _found(part: Part, asked: Asked) -> Found:
    runs = part.runs
    return Found(
        comparison=compare_runs(runs, asked.baseline, asked.axes),
        effects=_effects(runs, part.details("sequences"), asked),
        context=context_sums(runs, asked.axes),
        weights=weight_rows(runs, asked.axes),
    )


def _effects(runs: pd.DataFrame, per_sequence: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    counts = None if per_sequence.empty else chosen_details(per_sequence, runs, asked.axes).drop(columns="title")
    early, late = asked.ends[0], asked.ends[-1]
    return effects(runs, asked.baseline, asked.axes, early=early, late=late, per_sequence=counts)


def _shown(part: Part, detail: Detail, titles: list[str]) -> pd.DataFrame:
    return SUMMARIES[detail](part.details(detail, titles))


SUMMARIES: dict[Detail, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "curve": curve_bands,
    "reliability": pooled,
    "onset": partial(bands, step="since_onset", value="recall"),
}
"""What the figures show of the runs' further tables."""


def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all tables; one that has none does not decide what the columns hold."""
    if not tables:
        raise DataError("there are no finished runs to compare")
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
