"""Strict configuration: frozen pydantic models, YAML without surprises, canonical names and digests.

Configuration stops at the door: these models are read here and taken apart by `experiment.py`; losses, models and the
training loop receive flat, typed values.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)
from pydantic_core import ErrorDetails

from seqanomaly.errors import ConfigError


class Config(BaseModel):
    """Base of every configuration: frozen, keyword-only, strict, finite; unknown keys are refused.

    Raises `ConfigError` with one sentence that names the key, the value and the nearest known name.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # there are dozens of kinds, and a command uses a few
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _explain(type(self), error) from None

    def settings(self) -> dict[str, Any]:
        """All fields as plain values that YAML and JSON can hold."""
        return self.model_dump(mode="json")


class Component(Config):
    """A configuration with a `kind`, listed by name in a table (losses, models, data sets)."""

    unwritten: ClassVar[frozenset[str]] = frozenset()
    """Settings that are written, and count in the address of a run, only where they differ from their defaults."""
    kind: str = ""
    """Its name in the table."""

    @model_serializer(mode="wrap")
    def _kind_first(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        usual = {key for key in self.unwritten & values.keys() if values[key] == self._default(key)}
        return {"kind": values["kind"], **{k: v for k, v in values.items() if k != "kind" and k not in usual}}

    @property
    def name(self) -> str:
        """Canonical name: the kind, then whatever differs from the defaults, as in `exp(rate=0.2)`."""
        return call(self.kind, self.changed())

    def changed(self) -> dict[str, Any]:
        """The settings that differ from the defaults."""
        return {k: v for k, v in self.settings().items() if k != "kind" and v != self._default(k)}

    @classmethod
    def _default(cls, key: str) -> Any:
        default = cls.model_fields[key].get_default(call_default_factory=True, validated_data={})
        return default.settings() if isinstance(default, Config) else default


def call(head: str, settings: Mapping[str, Any]) -> str:
    """`head` with settings in brackets, as canonical names are written.

    >>> call("exp", {"rate": 0.2}), call("exp", {}), call("reverse", {"of": {"kind": "step", "threshold": 25.0}})
    ('exp(rate=0.2)', 'exp', 'reverse(of=step(threshold=25))')
    """
    return f"{head}({','.join(f'{key}={_short(value)}' for key, value in settings.items())})" if settings else head


def one_of(table: Mapping[str, type[Component]], what: str) -> Callable[[Any], Any]:
    """A validator that turns `"exp"` or `{kind: exp, rate: 0.2}` into the component of that kind."""

    def pick(value: Any) -> Any:
        if isinstance(value, Component):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping) or "kind" not in value:
            raise ConfigError(f"needs a name or a mapping with a 'kind', got {value!r}; known: {', '.join(table)}")
        kind = value["kind"]
        if not isinstance(kind, str) or kind not in table:
            raise ConfigError(f"unknown {what} {kind!r}{nearest(kind, table)}")
        return table[kind](**keys(value))

    return pick


def keys(value: Mapping[Any, Any]) -> dict[str, Any]:
    """`value` with text keys only, as keyword arguments need them."""
    for key in value:
        if not isinstance(key, str):
            raise ConfigError(f"keys are text, got {key!r}")
    return dict(value)


KNOWN = 40
"""Most names that a sentence about an unknown one lists."""


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name.

    >>> nearest("exq", ["uniform", "exp"])
    "; did you mean 'exp'? (known: uniform, exp)"
    """
    known = list(known)
    close = difflib.get_close_matches(str(name), known, n=1)
    more = f" and {len(known) - KNOWN:,} more" if len(known) > KNOWN else ""
    listed = ", ".join(known[:KNOWN]) + more
    return f"; did you mean '{close[0]}'? (known: {listed})" if close else f"; known: {listed}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; duplicate keys are refused and `1e-3` is a number."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: cannot be read as a YAML text file ({reason})") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        found = {type(None): "nothing", list: "a list", str: "text"}.get(type(value), type(value).__name__)
        raise ConfigError(f"{path}: must hold a mapping (key: value), found {found}")
    return value


def parse_yaml(text: str, where: str) -> Any:
    """The value that `text` spells in YAML; `where` names the text in an error."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = str(getattr(error, "problem", None) or error).split(", but got")[0]
        problem += "; use spaces, not tabs" if "'\\t'" in problem else ""
        raise ConfigError(f"{where}{line}: not valid YAML: {problem}") from None


def dump_yaml(value: object, *, flow: bool = False) -> str:
    """`value` as YAML text that `parse_yaml` and other YAML readers read back as it was.

    >>> dump_yaml({"rate": 1e-3, "label": "1e-3"}, flow=True).strip()
    "{rate: 0.001, label: '1e-3'}"
    """
    return yaml.dump(
        value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=sys.maxsize
    )


def _cut(value: object) -> float | str:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value) if isinstance(value, str) else None
    if number is None or float(number[1]) > 100:
        raise ConfigError(f"must be a step number or a share such as '50%', got {value!r}")
    return f"{float(number[1]):.10f}".rstrip("0").rstrip(".") + "%"


Cut = Annotated[float | str, BeforeValidator(_cut)]
"""A place in a sequence: a share of its steps as text (`"50%"`) or a step number."""


def share(cut: float | str) -> float | None:
    """The share of a sequence that a cut names, or None when it is a step number.

    >>> share("50%"), share(25.0)
    (0.5, None)
    """
    return float(cut.removesuffix("%")) / 100 if isinstance(cut, str) else None


def digest(value: object) -> str:
    """16 hexadecimal digits that stand for a plain value, whatever the order of its keys.

    >>> digest({"a": 1, "b": 2.0}) == digest({"b": 2.0, "a": 1})
    True
    """
    return address(canonical(value))


def canonical(value: object) -> str:
    """A plain value as JSON, the same whatever the order of its keys."""
    return _plain_json.encode(value)


_plain_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def address(text: str) -> str:
    """16 hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers and booleans on top of PyYAML's safe loader, and no duplicate keys."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return node

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A decimal number, also with leading zeros (YAML 1.1 reads 010 as 8)."""
        return int(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("float", "int", "bool", "timestamp", "value")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _PLAIN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe writer, which also quotes text that `_Loader` would take for a number."""


_Dumper.yaml_implicit_resolvers = {
    first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, []) + _Loader.yaml_implicit_resolvers.get(first, [])
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}


def _short(value: object) -> str:
    if isinstance(value, dict) and "kind" in value:
        return call(value["kind"], {k: v for k, v in value.items() if k != "kind"})
    if isinstance(value, list):
        return f"[{','.join(map(_short, value))}]"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _explain(config: type[Config], error: ValidationError) -> ConfigError:
    """The first thing wrong, in one sentence, at the innermost key."""
    first = error.errors()[0]
    path = tuple(str(part) for part in first["loc"] if part != "[key]")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return cause.within(*path)
    if first["type"] == "extra_forbidden":
        return ConfigError(f"unknown key {path[-1]!r}{nearest(path[-1], config.model_fields)}", path[:-1])
    if first["type"] == "missing":
        return ConfigError(f"the key {path[-1]!r} is missing", path[:-1])
    return ConfigError(sentence(first), path)


def sentence(error: ErrorDetails) -> str:
    """What is wrong with a value, and the value."""
    message = error["msg"].partition(", unable to parse")[0]
    message = message.replace("Input should be", "must be").replace("a valid ", "a ")
    for ours, theirs in (("an integer", "a integer"), ("a list", "a tuple"), ("a mapping", "a dictionary")):
        message = message.replace(theirs, ours)
    return f"{message}, got {error['input']!r}"
