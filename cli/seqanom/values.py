"""Values on the command line: `--loss exp` and `--loss '{kind: exp, rate: 0.2}'` mean the same as in YAML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqanomaly.config import keys, parse_yaml
from seqanomaly.errors import ConfigError
from seqanomaly.paths import is_there


def read_values(text: str, option: str) -> list[Any]:
    """The values in `text`, read as a YAML list without its brackets; an existing file is one value."""
    if is_there(text):
        return [text]
    values: list[Any] = parse_yaml(f"[{text}]", f"--{option}")
    return values


def read_value(text: str, option: str) -> Any:
    """The one value in `text`."""
    values = read_values(text, option)
    if len(values) != 1:
        raise ConfigError(
            f"--{option} takes one value here, got {len(values)} in {text!r}; compare sweeps over several"
        )
    return values[0]


def with_settings(value: object, settings: Mapping[str, object]) -> object:
    """A component with more settings, given by flags; those that are None were not given."""
    given = {key: setting for key, setting in settings.items() if setting is not None}
    if not given:
        return value
    mapping = {"kind": value} if isinstance(value, str) else value
    return {**keys(mapping), **given} if isinstance(mapping, Mapping) else mapping
