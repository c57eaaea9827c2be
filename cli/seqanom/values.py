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


def names(text: str | None) -> list[str] | None:
    """Names of columns with commas between them.

    >>> names("x1, x2")
    ['x1', 'x2']
    """
    return None if text is None else [name.strip() for name in text.split(",")]


def with_columns(value: object, columns: Mapping[str, object]) -> object:
    """A data set with the columns that flags name; a `ConfigError` says which flags do not apply to it."""
    from seqanomaly.datasets.specs import DATASETS, with_given

    kind = value.get("kind") if isinstance(value, Mapping) else None
    data = DATASETS.get(str(kind))
    given = [name for name, column in columns.items() if column is not None]
    wrong = [f"--{name}" for name in given if data is not None and name not in data.model_fields]
    if data is None or not isinstance(value, Mapping):
        return with_settings(value, columns)
    if not wrong:
        return with_given(keys(value), {name: columns[name] for name in given})
    known = ", ".join(name for name in data.model_fields if name not in ("kind", "path", "guessed"))
    what, them = ("does", "it") if len(wrong) == 1 else ("do", "them")
    raise ConfigError(
        f"{' and '.join(wrong)} {what} not apply to the data set {kind!r}, whose columns are known; leave "
        f"{them} out (it has {f'the settings {known}' if known else 'no settings'})",
        ("data",),
    )


def with_settings(value: object, settings: Mapping[str, object]) -> object:
    """A component with more settings, given by flags; those that are None were not given."""
    given = {key: setting for key, setting in settings.items() if setting is not None}
    if not given:
        return value
    mapping = {"kind": value} if isinstance(value, str) else value
    return {**keys(mapping), **given} if isinstance(mapping, Mapping) else mapping
