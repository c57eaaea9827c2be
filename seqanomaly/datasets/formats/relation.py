"""The relation in an ARFF file: its attributes and the words of its rows (Weka's attribute-relation file format)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seqanomaly.datasets.formats.text import check_width, read_text
from seqanomaly.errors import DataError

NUMERIC = ("numeric", "real", "integer")
QUOTED = r"""'[^'\\]*+(?:\\.[^'\\]*+)*+'|"[^"\\]*+(?:\\.[^"\\]*+)*+\""""
ATTRIBUTE = re.compile(rf"@attribute\s+({QUOTED}|[^\s{{]+)\s*(.*)", re.IGNORECASE)
WORD = re.compile(rf"\s*+(?:({QUOTED})\s*+|([^,'\"]*+))(,|$)")
"""A value with what ends it."""


@dataclass(frozen=True)
class Attribute:
    """A column of a relation."""

    name: str
    kind: str
    """`numeric`, `nominal`, `string`, `date` or `relational`."""
    values: frozenset[str] = frozenset()
    """Of a nominal attribute, its classes."""
    inner: tuple[Attribute, ...] = ()
    """Of a relational attribute, those inside."""


@dataclass(frozen=True)
class Relation:
    """Attributes, and the lines of the rows with their numbers."""

    path: Path
    attributes: tuple[Attribute, ...]
    lines: list[tuple[int, str]] = field(repr=False)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Each row: its place, for sentences, and a word per attribute, `?` where a value is missing.

        Raises:
            DataError: a row has another number of values, is sparse, or has a quotation mark that is not closed.
        """
        for number, line in self.lines:
            at = f"{self.path}: line {number}"
            if line.startswith("{"):
                raise DataError(
                    f"{at}: is a sparse row ({{place value, ..}}), which is not read; save all values of each row, as "
                    "Weka's filter SparseToNonSparse does"
                )
            words = _words(line, at)
            if len(words) == 1 < len(self.attributes):
                words = line.split()
            if len(words) != len(self.attributes):
                raise DataError(f"{at}: has {len(words)} values where there are {len(self.attributes)} attributes")
            yield at, words


def read_relation(path: Path) -> Relation:
    """The head of an ARFF file and the lines of its data; a `DataError` names the line that is wrong."""
    lines = [(place + 1, line.strip()) for place, line in enumerate(read_text(path).split("\n"))]
    lines = [(number, line) for number, line in lines if line and not line.startswith("%")]
    start = next((place for place, (_, line) in enumerate(lines) if line.lower() == "@data"), None)
    if start is None:
        raise DataError(f"{path}: has no line @data; it is no ARFF file")
    attributes = _attributes(path, iter(lines[:start]), None)
    if len(attributes) < 2:
        raise DataError(f"{path}: has {len(attributes)} attributes; needed are values and, at the end, their class")
    check_width(len(attributes), path)
    if start + 1 == len(lines):
        raise DataError(f"{path}: there is no row after @data")
    return Relation(path, attributes, lines[start + 1 :])


def _attributes(path: Path, head: Iterator[tuple[int, str]], inside: str | None) -> tuple[Attribute, ...]:
    """The attributes up to the end of the head, or of the relational attribute `inside`."""
    found: list[Attribute] = []
    ended = inside is None
    for number, line in head:
        at, key = f"{path}: line {number}", line.split()[0].lower()
        if key == "@end" and inside is not None:
            ended = True
            break
        if key == "@relation":
            continue
        match = ATTRIBUTE.fullmatch(line)
        if match is None:
            raise DataError(f"{at}: {line[:40]!r} is no line of an ARFF head, as @attribute NAME numeric is one")
        name, kind = unquoted(match[1]), match[2]
        if kind.lower().split()[:1] == ["relational"]:
            found.append(Attribute(name, "relational", inner=_attributes(path, head, name)))
        else:
            found.append(_attribute(name, kind, at))
    if not ended:
        raise DataError(f"{path}: the relational attribute {inside!r} has no line @end {inside}")
    double = next((name for name, count in Counter(one.name for one in found).items() if count > 1), None)
    if double is not None:
        raise DataError(f"{path}: two attributes are called {double!r}; rename one")
    return tuple(found)


def _attribute(name: str, kind: str, at: str) -> Attribute:
    if kind.startswith("{"):
        inside, end, _ = kind[1:].rpartition("}")
        if not end:
            raise DataError(f"{at}: the classes of {name!r} have no }} at their end")
        return Attribute(name, "nominal", frozenset(map(unquoted, _words(inside, at))))
    word = (kind.lower().split() or [""])[0]
    if word in NUMERIC:
        return Attribute(name, "numeric")
    if word in ("string", "date"):
        return Attribute(name, word)
    known = ", ".join((*NUMERIC, "string", "date", "relational"))
    raise DataError(f"{at}: {word!r} is no type of an attribute; known: {known} and {{CLASS, CLASS}}")


def _words(line: str, at: str) -> list[str]:
    """The values of a line as they are written, with their quotation marks."""
    if "'" not in line and '"' not in line:
        return [word.strip() for word in line.split(",")]
    found, place, more = [], 0, True
    while more:
        match = WORD.match(line, place)
        if match is None:
            raise DataError(f"{at}: has a quotation mark that is not closed, or more beside a value in quotation marks")
        found.append(match[1] or match[2].rstrip())
        place, more = match.end(), bool(match[3])
    return found


def unquoted(word: str) -> str:
    r"""A word without its quotation marks, and with what backslashes stand for.

    >>> unquoted(r"'it\'s'"), unquoted(r"'1,2\n3,4'"), unquoted("?")
    ("it's", '1,2\n3,4', '?')
    """
    if word[:1] not in ("'", '"') or len(word) < 2:
        return word
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), word[1:-1])
