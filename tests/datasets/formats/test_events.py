"""Event logs: what a session becomes, which events have a column, what is refused, and scores of a new log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats.events import Events
from seqanomaly.datasets.source import DataSpec, Source
from seqanomaly.datasets.specs import pick_data, recognise
from seqanomaly.errors import DataError

TEMPLATES = (["E5", "E22", "E11", "E9"], ["E5", "E5", "E22", "E11", "E9", "E26"], ["E5", "E11", "E9", "E23", "E21"])
"""Orders of events as a distributed file system writes them about a block."""


def sessions(count: int = 60, seed: int = 0) -> pd.DataFrame:
    """Blocks in the columns of loghub's `Event_traces.csv`; every third one fails, with an error amid."""
    random, rows = np.random.default_rng(seed), []
    for place in range(count):
        events = [event for _ in range(random.integers(1, 4)) for event in TEMPLATES[random.integers(3)]]
        failed = place % 3 == 0
        if failed:
            events.insert(int(random.integers(1, len(events))), ("E7", "E20")[random.integers(2)])
        rows.append((f"blk_{place}", "Fail" if failed else "Success", f"[{','.join(events)}]"))
    return pd.DataFrame(rows, columns=["BlockId", "Label", "Features"])


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    sessions().drop_duplicates("Features").to_csv(folder / "Event_traces.csv", index=False)


SAMPLE = {
    "kind": "events",
    "write": write,
    "path": "Event_traces.csv",
    "settings": {"session": "BlockId", "events": "Features", "label": "Label"},
}


def opened(folder: Path, frame: pd.DataFrame, **settings: Any) -> Source:
    frame.to_csv(folder / "log.csv", index=False)
    spec = pick_data({"path": str(folder / "log.csv"), **settings})
    assert isinstance(spec, DataSpec)
    return spec.open()


def plain(*rows: tuple[str, object, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["session", "label", "events"])


FEW = plain(*((str(place), place % 2, ("5 5 22", "5 30")[place % 2]) for place in range(6)), ("6", 1, "5 99 22"))


def test_the_table_of_loghub(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "Event_traces.csv"
    assert recognise(str(path)) == {"kind": "events", "path": str(path), **SAMPLE["settings"]}  # type: ignore[dict-item]
    source = Events(path=str(path), session="BlockId", events="Features", label="Label").open()
    assert source.known is not None
    assert source.known.classes == ("Success", "Fail")
    assert source.known.ids[:2] == ("blk_0", "blk_1")
    expected = sessions().drop_duplicates("Features")["Label"] == "Fail"
    assert source.known.label.max(axis=1).astype(bool).tolist() == expected.tolist()
    first = sessions()["Features"][0].strip("[]").split(",")
    names = np.array(source.known.features)[source.known.x[0].argmax(axis=1)][: len(first)]
    assert names.tolist() == [f"event_{event}" for event in first]


def test_each_event_has_a_column_and_rare_ones_share_one(tmp_path: Path) -> None:
    source = opened(tmp_path, FEW, min_sessions=2)
    known = source.known
    assert known is not None
    assert known.features == ("event_22", "event_30", "event_5", "other")
    assert known.x[0].tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert known.x[6].tolist() == [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]
    assert known.label[1].tolist() == [1, 1, 0]
    assert known.length.tolist() == [3, 2, 3, 2, 3, 2, 3]
    assert source.notes[1:3] == (
        "label is the column 'label' of the session, on all of its events",
        "3 events have a column each; 1 in fewer than 2 sessions share the column 'other'",
    )


def test_columns_by_hash_need_no_vocabulary(tmp_path: Path) -> None:
    source = opened(tmp_path, FEW, encode="hashed", size=4)
    known = source.known
    assert known is not None
    assert known.features == ("hash_0", "hash_1", "hash_2", "hash_3")
    assert known.x[0, 0].tolist() == known.x[0, 1].tolist() == known.x[6, 0].tolist()
    assert (known.x.sum(axis=2) == known.mask).all()


def test_a_new_log_has_the_columns_of_the_detector(tmp_path: Path) -> None:
    features = ("event_22", "event_30", "event_5", "other")
    FEW.assign(events="22 7 7").to_csv(tmp_path / "new.csv", index=False)
    known = Events(path=str(tmp_path / "new.csv")).for_features(features).open().known
    assert known is not None
    assert known.features == features
    assert known.x[0].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]


def test_short_sessions_are_left_out_and_labels_may_be_missing(tmp_path: Path) -> None:
    frame = pd.concat([FEW.drop(columns="label"), pd.DataFrame({"session": ["a", "b"], "events": ["5", "[]"]})])
    source = opened(tmp_path, frame, label=None, min_sessions=1)
    assert source.known is not None
    assert len(source.known) == 7
    assert source.notes[1] == "no column holds labels, so all steps are taken as normal"
    assert source.notes[3] == "sessions with fewer than 2 events: 2 of 9, left out"


@pytest.mark.parametrize(
    ("frame", "settings", "text"),
    [
        (
            FEW.assign(label=[*"aabbaab"]),
            {},
            "column 'label' has the labels a, b and none is 0, 'normal' or 'Success'; say",
        ),
        (
            FEW,
            {"normal": "2"},
            "column 'label' has the labels 0, 1 and none is '2'; say which one is normal with normal",
        ),
        (
            FEW,
            {"label": "lable"},
            "there is no column 'lable'; say which one it is with label: NAME; did you mean 'label'",
        ),
        (
            FEW.assign(session="a"),
            {},
            "column 'session', data row 2: session 'a' has a row already, and a session is one row with all of its",
        ),
        (FEW.assign(events=None), {}, "column 'events', data row 1: the value is missing; fill it or drop the row"),
        (FEW.assign(events="5"), {}, "no session has 2 events or more, so there is no early and no late one"),
        (
            FEW,
            {"min_sessions": 8},
            "none of its 4 events is in 8 sessions; choose a smaller min_sessions,",
        ),
    ],
)
def test_broken_logs(tmp_path: Path, frame: pd.DataFrame, settings: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as error:
        opened(tmp_path, frame, **{"min_sessions": 2, **settings})
    assert str(error.value).removeprefix(f"{tmp_path / 'log.csv'}: ").startswith(text)
