"""What is done about missing values and uneven times: settings that every data set in files has."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from seqanomaly.config import nearest
from seqanomaly.datasets.source import DataSpec
from seqanomaly.errors import ConfigError

MISSING = ("error", "drop", "ffill", "interpolate", "mask")
DUPLICATES = ("keep", "error", "first", "last", "mask")
BACKWARD = ("keep", "error", "sort", "drop", "mask")
GAPS = ("keep", "error", "split", "ffill", "interpolate", "mask")
IRREGULAR = ("keep", "error", "ffill", "interpolate")
CONSTANT = ("keep", "error", "drop")


ASKED = {"duplicates": DUPLICATES, "backward": BACKWARD, "gaps": GAPS, "irregular": IRREGULAR}
"""The policies about times."""
IDLE = ("keep", "error", "sort")
"""Policies that change neither values nor steps."""


FILLS = ("ffill", "interpolate", "mask")
"""Policies about gaps and uneven distances that add steps."""


FILL_IT = "fill it, or set missing: drop, ffill, interpolate or mask"
"""The remedy for a missing value where a data set has these settings."""


def _policy(known: tuple[str, ...], also: str | None = None) -> Callable[[object], object]:
    """A validator that names the nearest policy; `also` is what `drop` means, if it has another name here."""

    def check(value: object) -> object:
        if value == "drop" and also is not None:
            return also
        if value not in known:
            raise ConfigError(f"unknown policy {value!r}{nearest(value, known)}")
        return value

    return check


Missing = Annotated[Literal["error", "drop", "ffill", "interpolate", "mask"], BeforeValidator(_policy(MISSING))]
Duplicates = Annotated[
    Literal["keep", "error", "first", "last", "mask"], BeforeValidator(_policy(DUPLICATES, also="first"))
]
Backward = Annotated[Literal["keep", "error", "sort", "drop", "mask"], BeforeValidator(_policy(BACKWARD))]
Gaps = Annotated[Literal["keep", "error", "split", "ffill", "interpolate", "mask"], BeforeValidator(_policy(GAPS))]
Irregular = Annotated[Literal["keep", "error", "ffill", "interpolate"], BeforeValidator(_policy(IRREGULAR))]
Constant = Annotated[Literal["keep", "error", "drop"], BeforeValidator(_policy(CONSTANT))]


@dataclass(frozen=True, kw_only=True)
class Policies:
    """What is done, as plain values.

    >>> Policies(gaps="split", backward="sort").active()
    {'gaps': 'split'}
    """

    missing: str = "error"
    duplicates: str = "keep"
    backward: str = "keep"
    gaps: str = "keep"
    gap: float = 1.5
    irregular: str = "keep"
    constant: str = "keep"
    asked: frozenset[str] = frozenset()
    """Which of them were asked for."""

    def active(self) -> dict[str, Any]:
        """Those that change values or steps, beside their order; with what a gap is, where that matters."""
        found = {key: vars(self)[key] for key in ("missing", *ASKED) if vars(self)[key] not in IDLE}
        return found | ({"gap": self.gap} if {"gaps", "irregular"} & found.keys() and self.gap != Policies.gap else {})


def known_policies(found: Mapping[str, Any]) -> dict[str, Any]:
    """Active policies as they were written; a `ValueError` says which is none.

    >>> known_policies({"missing": "mask", "gap": 3.0})
    {'missing': 'mask', 'gap': 3.0}
    """
    for key, value in found.items():
        known = value > 1 if key == "gap" else value in {"missing": MISSING, **ASKED}.get(key, ())
        if not known:
            raise ValueError(f"no policy {key}: {value!r}")
    return dict(found)


class Cleaned(DataSpec, ABC):
    """A data set in files, with a policy for everything that may be wrong with real series.

    A policy counts in a run's address only where it differs from its default.
    """

    unwritten: ClassVar[frozenset[str]] = frozenset(
        {"missing", "duplicates", "backward", "gaps", "gap", "irregular", "constant"}
    )
    missing: Missing = "error"
    """Missing values: `drop` the steps, carry the last value forward (`ffill`), `interpolate`, or `mask` the steps."""
    duplicates: Duplicates = "keep"
    """Steps with the time of an earlier one: `keep` them, keep the `first` or the `last`, or `mask` the others."""
    backward: Backward = "keep"
    """Times that go back: `keep` the order of the file, `sort`, or `drop` or `mask` what is before the latest time."""
    gaps: Gaps = "keep"
    """Gaps in time: `keep`, `split` there, or add the steps that are not there (`ffill`, `interpolate`, `mask`)."""
    gap: float = Field(1.5, gt=1)
    """Distances over that many usual ones (the median of the series) are gaps; above 1."""
    irregular: Irregular = "keep"
    """Uneven distances in time: `keep`, or put the series on an even grid (`ffill`, `interpolate`)."""
    constant: Constant = "keep"
    """Features that never change in the training part: `keep` or `drop` them."""

    def policies(self) -> Policies:
        """The policies as plain values."""
        return Policies(
            missing=self.missing,
            duplicates=self.duplicates,
            backward=self.backward,
            gaps=self.gaps,
            gap=self.gap,
            irregular=self.irregular,
            constant=self.constant,
            asked=self.unwritten & self.changed().keys(),
        )

    @property
    def takes_missing(self) -> bool:
        """Whether readers let missing values pass, as something is done about them afterwards."""
        return self.missing != "error"
