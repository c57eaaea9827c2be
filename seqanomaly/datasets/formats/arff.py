"""ARFF files of Weka: a row per case, as the UCR and UEA classification archives have it, or a row per step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from seqanomaly.datasets.formats.cases import PART, Case, Cases, floats, padding_note, stem, unpadded
from seqanomaly.datasets.formats.halves import Halves, halves_loaded
from seqanomaly.datasets.formats.relation import Attribute, Relation, read_relation, unquoted
from seqanomaly.datasets.headers import numbered
from seqanomaly.datasets.opened import Loaded
from seqanomaly.errors import DataError

Rows = Literal["sequences", "steps"]


class Arff(Cases):
    """Cases with a class each, or the steps of one series with a class each; the class is the last attribute.

    Where a relational attribute, or the names of the file and of its attributes, do not say which of both a row is,
    `rows` is asked for. Hall et al., The WEKA data mining software: an update, SIGKDD Explorations 2009.
    """

    title: ClassVar[str] = "an ARFF file"
    looks: ClassVar[str] = "NAME_TRAIN.arff and NAME_TEST.arff with a case per row, or one .arff with a step per row"
    example: ClassVar[str] = "EEG_Eye_State.arff"
    patterns: ClassVar[tuple[str, ...]] = ("*.arff",)
    kind: Literal["arff"] = "arff"
    rows: Rows | None = None
    """What a row is: a case (`sequences`) or a step of one series (`steps`); by default what the names say."""

    def read(self, files: Sequence[Path]) -> Loaded:
        relations = [read_relation(path) for path in files]
        for relation in relations:
            _check_class(relation)
        rows, why = self._what_rows_are(relations[0])
        if rows == "steps":
            return self._steps(relations, why)
        notes = [why, *_left_out(relations[0])]
        return self.loaded([self._cases(relation, notes) for relation in relations], files, notes)

    def _what_rows_are(self, relation: Relation) -> tuple[Rows, str]:
        """What a row is, and the sentence about how that is known; a `DataError` asks where it is not."""
        channels, path = [a.name for a in _values(relation)], relation.path
        if _bag(relation) is not None:
            if self.rows == "steps":
                raise DataError(f"{path}: a row of a relational attribute is a sequence; leave rows: steps out")
            return "sequences", "a row is a sequence, each line of its relational attribute a channel"
        if not channels:
            raise DataError(f"{path}: has no numeric attribute")
        archived = PART.fullmatch(stem(path)) is not None
        known: Rows | None = None
        if numbered(channels) == archived:
            known = "sequences" if archived else "steps"
        rows = self.rows or known
        if rows is None:
            raise DataError(
                f"{path}: may have a row per sequence, whose steps are its attributes {channels[0]} to {channels[-1]}, "
                "or a row per step, whose channels they are; say it with rows: sequences or rows: steps"
            )
        other = "steps" if rows == "sequences" else "sequences"
        said = {
            "sequences": "a row is a sequence and its attributes are the steps",
            "steps": "a row is a step of one series and its attributes are the channels",
        }[rows]
        named = "numbered" if rows == "sequences" else "not numbered"
        asked = f" (rows: {rows})" if self.rows else f", as those are {named}; rows: {other} says otherwise"
        return rows, said + asked

    def _steps(self, relations: Sequence[Relation], why: str) -> Loaded:
        """One series: the first steps of the file train, or all of the training file."""
        path, read = relations[0].path, [self._series(relation) for relation in relations]
        features = tuple(attribute.name for attribute in _values(relations[0]))
        other = next((of for of in relations if tuple(a.name for a in _values(of)) != features), None)
        if other is not None:
            raise DataError(f"{other.path}: has not the numeric attributes of {path.name}")
        classes = self.classes({word for _, words in read for word in words}, path)
        codes, names = self.codes(classes)
        x, label = [x for x, _ in read], [np.array([codes[word] for word in words]) for _, words in read]
        what = "its class" if self.label == "class" else f"1 where its class is not {classes[0]!r}"
        notes = [f"label of a step is {what}, the attribute {relations[0].attributes[-1].name!r}", why]
        if len(read) == 2:
            name = stem(path).removesuffix("_TRAIN")
            half = Halves(name=name, train=x[0], train_label=label[0], test=x[1], test_label=label[1])
        else:
            half = Halves.cut(stem(path), x[0], label[0], round(len(x[0]) * (1 - self.test)))
            notes.append(f"the last {self.test:.0%} of the steps test and those before train")
        return halves_loaded([half], features, [*notes, *_left_out(relations[0])], names)

    def _series(self, relation: Relation) -> tuple[NDArray[np.float64], list[str]]:
        """The steps [steps, channels] and the class of each."""
        places, x, labels = _places(relation), [], []
        for at, words in relation.rows():
            values = floats([words[place] for place in places], at, "a row has a number for each numeric attribute")
            labels.append(_class(relation, words[-1], at))
            x.append(Case.of(values[None], labels[-1], at, missing=self.takes_missing).x[0])
        return np.stack(x), labels

    def _cases(self, relation: Relation, notes: list[str]) -> list[Case]:
        found, places, bag, padded = [], _places(relation), _bag(relation), 0
        for at, words in relation.rows():
            lines = [[words[place] for place in places]] if bag is None else _lines(words[bag])
            values = [floats(line, at, "a row has numbers and, at the end, its class") for line in lines]
            if len({len(one) for one in values}) > 1:
                raise DataError(f"{at}: its channels have {', '.join(str(len(one)) for one in values)} values")
            full = np.stack(values, axis=1)
            case = Case.of(unpadded(full, at), _class(relation, words[-1], at), at, missing=self.takes_missing)
            padded += len(case.x) < len(full)
            found.append(case)
        notes += padding_note(padded, len(found), relation.path.name)
        return found


def _check_class(relation: Relation) -> None:
    last, path = relation.attributes[-1], relation.path
    if last.kind != "nominal":
        raise DataError(
            f"{path}: its last attribute {last.name!r} is {last.kind} and has to be the class, as in @attribute class "
            "{normal,fault}; put the class last, or save the table as CSV and name its column with --label"
        )
    bags = [attribute for attribute in relation.attributes if attribute.kind == "relational"]
    if not bags:
        return
    numeric = [a.name for a in relation.attributes if a.kind == "numeric"]
    if len(bags) > 1 or numeric or {a.kind for a in bags[0].inner} != {"numeric"}:
        raise DataError(
            f"{path}: has more than one relational attribute of numbers and a class, so its steps are not known"
        )
    if len(bags[0].inner) > 1 and not numbered([a.name for a in bags[0].inner]):
        names = ", ".join(a.name for a in bags[0].inner[:4])
        raise DataError(
            f"{path}: the attributes in {bags[0].name!r} ({names}) are not numbered as steps are (t0, t1, ..), so "
            "a line in it may be a channel or a step; save the cases as .ts, each channel before a colon"
        )


def _values(relation: Relation) -> list[Attribute]:
    """The numeric attributes."""
    return [attribute for attribute in relation.attributes if attribute.kind == "numeric"]


def _places(relation: Relation) -> list[int]:
    return [place for place, attribute in enumerate(relation.attributes) if attribute.kind == "numeric"]


def _bag(relation: Relation) -> int | None:
    """Where the relational attribute is, if there is one."""
    return next((place for place, a in enumerate(relation.attributes) if a.kind == "relational"), None)


def _left_out(relation: Relation) -> list[str]:
    """The sentence about attributes that are no numbers and not the class."""
    others = [a.name for a in relation.attributes[:-1] if a.kind not in ("numeric", "relational")]
    if not others:
        return []
    return [f"left out, as they are no numbers: the attributes {', '.join(map(repr, others))}"]


def _class(relation: Relation, word: str, at: str) -> str:
    last = relation.attributes[-1]
    if word == "?":
        raise DataError(f"{at}: its class is missing (?); leave the row out")
    found = unquoted(word)
    if found not in last.values:
        raise DataError(f"{at}: the class {found!r} is not one of its head, {', '.join(sorted(last.values)[:8])}")
    return found


def _lines(word: str) -> list[list[str]]:
    """The words of each line in a relational value."""
    return [line.split(",") for line in unquoted(word).strip("\n").split("\n")]
