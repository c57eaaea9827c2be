"""Configuration: YAML without surprises, strictness, exact error texts, canonical names and digests."""

import hashlib
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BeforeValidator, Field, ValidationError

from seqanomaly.config import (
    Component,
    Config,
    Cut,
    call,
    digest,
    dump_yaml,
    keys,
    nearest,
    one_of,
    parse_yaml,
    read_yaml,
    share,
)
from seqanomaly.errors import ConfigError, SeqanomError
from seqanomaly.run_config import RunConfig


class Inner(Config):
    """Something inside."""

    size: int = Field(1, ge=1)


class Disc(Component):
    """A kind of shape."""

    kind: Literal["disc"] = "disc"
    radius: float = 1.0
    inner: Inner = Inner()


class Box(Component):
    """Another kind of shape."""

    kind: Literal["box"] = "box"
    sides: Annotated[tuple[float, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] = (1.0, 2.0)
    cut: Cut = "50%"


SHAPES: dict[str, type[Component]] = {"disc": Disc, "box": Box}


class Drawing(Config):
    """A configuration of everything that a configuration may hold."""

    title: str
    scale: float = 1.0
    copies: int = 1
    framed: bool = False
    shape: Annotated[Component, BeforeValidator(one_of(SHAPES, "shape"))] = Disc()


def error_of(act: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as error:
        act()
    return str(error.value)


# YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-2.5e+2", -250.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("0", 0),
        ("+3", 3),
        ("-7", -7),
        ("010", 10),
        ("08", 8),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("[1, 1.0]", [1, 1.0]),
        ("{a: {b: [x]}}", {"a": {"b": ["x"]}}),
        ("1: one", {1: "one"}),
    ],
)
def test_yaml_values(text: str, value: object) -> None:
    found = parse_yaml(text, "here")
    assert found == value
    assert type(found) is type(value)


TEXTS = """no No NO yes on off y n none None nan inf 1_000 0x1F 0o17 1:30 12:30:45 2024-01-01 50% = e5 1e 1e- 1.2.3 . +
TRue .e5 1.e --1 +-1 1-2 .infinity"""


@pytest.mark.parametrize("text", [*TEXTS.split(), "2024-01-01 10:00:00"])
def test_yaml_text(text: str) -> None:
    assert parse_yaml(f"[{text} ]", "here") == [text]
    assert parse_yaml(f"key: {text}", "here") == {"key": text}


def test_yaml_anchors_and_merging() -> None:
    text = "base: &base {lr: 1, epochs: 2}\nmore: {<<: *base, lr: 3}\nsame: *base"
    assert parse_yaml(text, "here") == {
        "base": {"lr": 1, "epochs": 2},
        "more": {"lr": 3, "epochs": 2},
        "same": {"lr": 1, "epochs": 2},
    }
    deep = "x: {a: &a {<<: &base {lr: 1}, lr: 3}}\nb: {<<: *a}"
    assert parse_yaml(deep, "here") == {"x": {"a": {"lr": 3}}, "b": {"lr": 3}}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3", "here, line 3, column 1: not valid YAML: duplicate key 'a'"),
        ("x: {lr: 1, lr: 1}", "here, line 1, column 12: not valid YAML: duplicate key 'lr'"),
        ("[1", "here, line 1, column 3: not valid YAML: expected ',' or ']'"),
        (
            "a:\n\tb: 1",
            "here, line 2, column 1: not valid YAML: found character '\\t' that cannot start any token; "
            "use spaces, not tabs",
        ),
        ("a: b: c", "here, line 1, column 5: not valid YAML: mapping values are not allowed here"),
        ("a: *b", "here, line 1, column 4: not valid YAML: found undefined alias 'b'"),
        ("{[a]: 1}", "here, line 1, column 2: not valid YAML: found unhashable key"),
        (
            "!!python/object/apply:os.system [ls]",
            "here, line 1, column 1: not valid YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("--- 1\n--- 2", "here, line 2, column 1: not valid YAML: but found another document"),
    ],
)
def test_what_is_not_yaml(text: str, error: str) -> None:
    assert error_of(lambda: parse_yaml(text, "here")) == error


@pytest.mark.parametrize("text", ["'\x01'", "9" * 5000, "!!int x"])
def test_other_text_that_is_not_yaml(text: str) -> None:
    assert error_of(lambda: parse_yaml(text, "here")).startswith("here: not valid YAML: ")


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "drift.yaml"
    path.write_text("# a question\nname: Grüße\nrate: 1e-3\n", encoding="utf-8")
    assert read_yaml(path) == {"name": "Grüße", "rate": 0.001}
    path.write_text("a: 1\na: 2\n")
    assert error_of(lambda: read_yaml(path)) == f"{path}, line 2, column 1: not valid YAML: duplicate key 'a'"
    for text, kind in (("", "nothing"), ("[1]", "a list"), ("hello", "text"), ("3", "int")):
        path.write_text(text)
        assert error_of(lambda: read_yaml(path)) == f"{path}: must hold a mapping (key: value), found {kind}"
    path.write_bytes(b"\xff\xfe\xff")
    assert error_of(lambda: read_yaml(path)).startswith(f"{path}: cannot be read as a YAML text file ('utf-8' codec")
    assert error_of(lambda: read_yaml(tmp_path)) == f"{tmp_path}: cannot be read as a YAML text file (Is a directory)"
    absent = tmp_path / "absent.yaml"
    assert error_of(lambda: read_yaml(absent)) == f"{absent}: there is no such file"


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"))
"""Any text without the line breaks of Unicode, which PyYAML takes for blanks."""
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False)
    | text
    | st.from_regex(r"[-+0-9.eE_:xo]{1,8}", fullmatch=True)
    | st.sampled_from(["1e-3", "no", "on", "true", "null", "~", "<<", "=", "2024-01-01", "0x10", "1e5", "08", ".5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text.filter(len), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(value=plain, flow=st.booleans())
def test_what_is_written_is_read_back(value: object, flow: bool) -> None:
    text = dump_yaml({"value": value}, flow=flow)
    assert repr(parse_yaml(text, "here")) == repr({"value": value})
    assert yaml.safe_load(text) == {"value": value}  # another reader


# Strictness


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "the key 'title' is missing"),
        ({"title": 3}, "title: must be a string, got 3"),
        ({"title": "x", "scale": True}, "scale: must be a number, got True"),
        ({"title": "x", "scale": "1"}, "scale: must be a number, got '1'"),
        ({"title": "x", "scale": math.nan}, "scale: must be a finite number, got nan"),
        ({"title": "x", "scale": -math.inf}, "scale: must be a finite number, got -inf"),
        ({"title": "x", "copies": True}, "copies: must be an integer, got True"),
        ({"title": "x", "copies": 2.0}, "copies: must be an integer, got 2.0"),
        ({"title": "x", "copies": None}, "copies: must be an integer, got None"),
        ({"title": "x", "framed": 1}, "framed: must be a boolean, got 1"),
        ({"title": "x", "framed": "no"}, "framed: must be a boolean, got 'no'"),
        (
            {"title": "x", "sclae": 2.0},
            "unknown key 'sclae'; did you mean 'scale'? (known: title, scale, copies, framed, shape)",
        ),
        ({"title": "x", "self": 1}, "unknown key 'self'; known: title, scale, copies, framed, shape"),
        ({"title": "x", "shape": "dsic"}, "shape: unknown shape 'dsic'; did you mean 'disc'? (known: disc, box)"),
        ({"title": "x", "shape": {"kind": 7}}, "shape: unknown shape 7; known: disc, box"),
        (
            {"title": "x", "shape": {"radius": 1.0}},
            "shape: needs a name or a mapping with a 'kind', got {'radius': 1.0}; known: disc, box",
        ),
        ({"title": "x", "shape": None}, "shape: needs a name or a mapping with a 'kind', got None; known: disc, box"),
        ({"title": "x", "shape": {"kind": "disc", 1: 2}}, "shape: keys are text, got 1"),
        ({"title": "x", "shape": {"kind": "disc", "radius": "r"}}, "shape.radius: must be a number, got 'r'"),
        (
            {"title": "x", "shape": {"kind": "disc", "inner": {"size": 0}}},
            "shape.inner.size: must be greater than or equal to 1, got 0",
        ),
        (
            {"title": "x", "shape": {"kind": "disc", "raduis": 1.0}},
            "shape: unknown key 'raduis'; did you mean 'radius'? (known: kind, radius, inner)",
        ),
        ({"title": "x", "shape": {"kind": "box", "sides": 3.0}}, "shape.sides: must be a list, got 3.0"),
        ({"title": "x", "shape": {"kind": "box", "sides": (1, "2")}}, "shape.sides.1: must be a number, got '2'"),
    ],
)
def test_what_is_refused(values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as error:
        Drawing(**values)
    assert str(error.value) == text
    assert error.value.__suppress_context__  # nobody reads two errors


def test_a_whole_number_is_a_number() -> None:
    assert Disc(radius=2) == Disc(radius=2.0)
    assert digest(Disc(radius=2).settings()) == digest(Disc(radius=2.0).settings())


def test_it_is_frozen_and_takes_keywords_only() -> None:
    drawing = Drawing(title="x")
    with pytest.raises(ValidationError, match="frozen"):
        drawing.scale = 2.0  # type: ignore[misc]
    positional: Any = Drawing
    with pytest.raises(TypeError, match="positional"):
        positional("x")
    assert drawing == Drawing(title="x")
    assert drawing != Drawing(title="y")


def test_an_error_is_a_value_error_with_a_path() -> None:
    error = ConfigError("must be 1, got 2", ("a",)).within("b", "c")
    assert (str(error), error.path, error.message) == ("b.c.a: must be 1, got 2", ("b", "c", "a"), "must be 1, got 2")
    assert str(ConfigError("no path")) == "no path"
    assert isinstance(error, SeqanomError)
    assert isinstance(error, ValueError)


def test_keys_are_text() -> None:
    assert keys({"a": 1}) == {"a": 1}
    for wrong in (1, None, True):
        assert error_of(partial(keys, {"a": 1, wrong: 2})) == f"keys are text, got {wrong!r}"


def test_the_nearest_name() -> None:
    assert nearest("lineer", ["exp", "linear"]) == "; did you mean 'linear'? (known: exp, linear)"
    assert nearest("zzz", iter(["exp", "linear"])) == "; known: exp, linear"
    assert nearest(3, ["exp"]) == "; known: exp"


# Cuts


@pytest.mark.parametrize(
    ("given_cut", "cut", "part"),
    [
        ("50%", "50%", 0.5),
        ("33.3 %", "33.3%", 0.333),
        ("050.0%", "50%", 0.5),
        ("0%", "0%", 0.0),
        ("100%", "100%", 1.0),
        ("99.99999%", "99.99999%", 0.9999999),
        ("0.0000001%", "0.0000001%", 1e-9),
        (25, 25.0, None),
        (2.5, 2.5, None),
        (-3, -3.0, None),
        (0, 0.0, None),
    ],
)
def test_cuts(given_cut: float | str, cut: float | str, part: float | None) -> None:
    found = Box(cut=given_cut).cut
    assert found == cut
    assert type(found) is type(cut)
    assert share(found) == (None if part is None else pytest.approx(part, rel=1e-12))
    assert Box(cut=found).cut == found


@pytest.mark.parametrize(
    "value", ["50", "101%", "-1%", "%", "a%", "5e1%", "50%%", None, True, math.nan, math.inf, 10**400, [1], {}]
)
def test_what_is_no_cut(value: Any) -> None:
    assert error_of(lambda: Box(cut=value)) == f"cut: must be a step number or a share such as '50%', got {value!r}"


@given(cut=st.decimals(0, 100, places=4).map(lambda percent: f"{percent}%") | st.floats(-1e9, 1e9))
def test_a_cut_is_read_back_as_it_was_written(cut: float | str) -> None:
    once = Box(cut=cut)
    assert Box(**once.settings()) == once
    assert share(once.cut) == (None if isinstance(cut, float) else float(cut[:-1]) / 100)


# Names and digests


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Disc(), "disc"),
        (Disc(radius=1), "disc"),
        (Disc(radius=0.25), "disc(radius=0.25)"),
        (Disc(radius=1e-7), "disc(radius=1e-07)"),
        (Disc(radius=30.0), "disc(radius=30)"),
        (Disc(inner=Inner(size=1)), "disc"),
        (Box(sides=(1.5, 2.0)), "box(sides=[1.5,2])"),
        (Box(cut=7, sides=(1.0,)), "box(sides=[1],cut=7)"),
    ],
)
def test_canonical_names(component: Component, name: str) -> None:
    assert component.name == name


def test_names_inside_names() -> None:
    settings = {"of": {"kind": "exp", "rate": 0.1}, "all": [{"kind": "step"}, 2.0], "seed": None}
    assert call("reverse", settings) == "reverse(of=exp(rate=0.1),all=[step,2],seed=None)"
    assert call("reverse", {}) == "reverse"


def test_the_kind_comes_first() -> None:
    assert list(Box().settings()) == ["kind", "sides", "cut"]
    assert Box().settings() == {"kind": "box", "sides": [1.0, 2.0], "cut": "50%"}


def test_a_component_by_name_as_a_mapping_or_as_it_is() -> None:
    disc = Disc(radius=2.0)
    for value in (disc, {"kind": "disc", "radius": 2.0}, disc.settings()):
        assert Drawing(title="x", shape=value).shape == disc  # type: ignore[arg-type]
    assert Drawing(title="x", shape="box").shape == Box()  # type: ignore[arg-type]


def test_a_digest_is_sixteen_digits_of_sha256() -> None:
    assert (
        digest({"b": [1, 2.5, None], "a": "é"})
        == (hashlib.sha256(rb'{"a":"\u00e9","b":[1,2.5,null]}').hexdigest()[:16])
    )
    for wrong in (math.nan, math.inf):
        with pytest.raises(ValueError, match="JSON compliant"):
            digest([wrong])


def test_a_digest_tells_values_apart() -> None:
    values: list[object] = [None, 0, 0.5, "0", "", [], {}, [0], {"a": 0}, {"a": 1}, {"b": 0}, False, "None"]
    assert len({digest(value) for value in values}) == len(values)


def shuffled(value: Any) -> Any:
    """The same value with the keys of each mapping in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, key=lambda key: digest([key, "order"]))}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


# Every configuration of a run

reals, sizes = st.floats(allow_nan=False, allow_infinity=False), st.integers(1, 300)
cuts = st.floats(-1e6, 1e6) | st.decimals(0, 100, places=3).map(lambda percent: f"{percent}%")


def component(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"kind": st.just(kind)}, optional=fields)


modulations = st.recursive(
    st.sampled_from(["uniform", "linear", "exp", "step"])
    | component("linear", rate=reals)
    | component("exp", rate=reals)
    | component("step", threshold=cuts),
    lambda inner: component("reverse", of=inner) | component("permuted", of=inner, seed=st.none() | sizes),
    max_leaves=2,
)
data = (
    st.sampled_from(["drift", "evidence", "onset", "ar", "episodes", "some/table.csv"])
    | component("drift", length=st.integers(2, 99), train=st.integers(2, 999), noise=st.floats(0, 1000))
    | component("onset", hazard=st.floats(0.001, 0.999), test=sizes)
    | st.fixed_dictionaries(
        {"path": text.filter(lambda path: path and "\0" not in path)},
        optional={"label": text, "features": st.lists(text, max_size=3)},
    )
)
models = st.sampled_from(["rnn", "gru", "lstm", "tcn"]) | component(
    "tcn", channels=sizes, kernel=st.integers(2, 9), dropout=st.floats(0, 1, exclude_max=True)
)
training = st.fixed_dictionaries(
    {},
    optional={
        "epochs": sizes,
        "lr": st.floats(0, 1e3, exclude_min=True),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd"]),
        "weight_decay": st.none() | st.floats(0, 1),
        "patience": st.none() | sizes,
    },
)
runs = st.fixed_dictionaries(
    {"data": data},
    optional={
        "loss": modulations,
        "model": models,
        "train": training,
        "seed": st.integers(0, 2**70),
        "buckets": st.dictionaries(text, st.just(["0%", "12.5%"]) | st.just([3, 9.5]), min_size=1, max_size=3),
    },
)


@settings(deadline=None, max_examples=150)
@given(values=runs, flow=st.booleans())
def test_a_run_survives_its_settings_and_yaml(values: dict[str, Any], flow: bool) -> None:
    config = RunConfig(**values)
    written = config.settings()
    assert RunConfig(**written) == config
    assert RunConfig(**written).settings() == written
    read = parse_yaml(dump_yaml(written, flow=flow), "config.yaml")
    assert RunConfig(**read) == config
    other_order = RunConfig(**shuffled(written))
    assert len({run.digest(None) for run in (config, RunConfig(**read), other_order)}) == 1
    assert other_order.title == config.title
