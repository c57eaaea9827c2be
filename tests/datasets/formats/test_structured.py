"""Structured logs: sessions by block, labels of blocks and of lines, what is said and what is refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqanomaly.datasets.formats import loglines, rows
from seqanomaly.datasets.formats.structured import Structured
from seqanomaly.datasets.opened import Opened
from seqanomaly.datasets.source import DataSpec
from seqanomaly.datasets.specs import pick_data, recognise
from seqanomaly.errors import SeqanomError

TEXTS = {
    "E1": "Receiving block blk_{} src: /10.250.19.102:54106 dest: /10.250.19.102:50010",
    "E2": "BLOCK* NameSystem.allocateBlock: /user/root/rand/_temporary/part-00590. blk_{}",
    "E3": "PacketResponder 1 for block blk_{} terminating",
    "E4": "Deleting block blk_{} file /mnt/hadoop/dfs/data/current/subdir5/blk_{}",
    "E5": "Received block blk_{} of size 67,108,864 from /10.251.42.84",
    "E6": "10.251.30.85:50010:Got exception while serving blk_{} to /10.251.90.64:",
}
NAMES = ("LineId", "Date", "Time", "Pid", "Level", "Component", "Content", "EventId", "EventTemplate")
Line = tuple[str, str]


def line(event: str, *blocks: int) -> Line:
    return event, TEXTS[event].replace("{}", str(blocks[0])) + "".join(f" blk_{block}" for block in blocks[1:])


def frame(lines: list[Line], **columns: Any) -> pd.DataFrame:
    """A table as logparser writes it."""
    found = [
        (place + 1, "081109", 203615 + place, 148, "INFO", "dfs.DataNode$PacketResponder", text, event, TEXTS[event])
        for place, (event, text) in enumerate(lines)
    ]
    return pd.DataFrame(found, columns=list(NAMES)).assign(**columns)


def sessions(count: int = 24, seed: int = 0) -> dict[int, list[str]]:
    """The events of some blocks, all different; every third one has an exception amid."""
    random, found = np.random.default_rng(seed), {}
    for place in range(count):
        number = int(random.integers(-(2**63), 2**63))
        events = ["E1", *random.choice(["E2", "E3", "E4", "E5"], 3 + place % 5).tolist()]
        found[number] = [*events, *["E3"] * place, *["E6"] * (place % 3 == 0), "E5"]
    return found


def mixed(found: dict[int, list[str]], seed: int = 1) -> list[Line]:
    """The lines of all blocks among each other, those of a block in their order."""
    left = {number: list(events) for number, events in found.items()}
    random, lines = np.random.default_rng(seed), []
    while left:
        number = list(left)[random.integers(len(left))]
        lines.append(line(left[number].pop(0), number))
        left = {one: events for one, events in left.items() if events}
    return lines


def labels(found: dict[int, list[str]]) -> pd.DataFrame:
    of = ["Anomaly" if "E6" in events else "Normal" for events in found.values()]
    return pd.DataFrame({"BlockId": [f"blk_{number}" for number in found], "Label": of})


def put(folder: Path, table: pd.DataFrame, of_blocks: pd.DataFrame | None = None) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    table.to_csv(folder / "HDFS.log_structured.csv", index=False)
    if of_blocks is not None:
        of_blocks.to_csv(folder / "anomaly_label.csv", index=False)
    return folder


def write(folder: Path) -> None:
    found = sessions()
    put(folder, frame(mixed(found)), labels(found))


SAMPLE = {"kind": "structured", "write": write, "settings": {"min_sessions": 2}}
THREE = {7: ["E1", "E2"], -8: ["E1", "E6", "E3"], 9: ["E1", "E3"]}


def opened(path: Path, **settings: Any) -> Opened:
    spec = pick_data({"path": str(path), **settings})
    assert isinstance(spec, DataSpec)
    source = spec.open()
    assert isinstance(source, Opened)
    return source


def heard(path: Path, folder: Path, **settings: Any) -> str:
    with pytest.raises(SeqanomError) as error:
        opened(path, **settings)
    assert "\n" not in str(error.value)
    return str(error.value).replace(str(folder), "HERE")


def events_of(source: Opened) -> dict[str, list[str]]:
    known = source.loaded.known
    names = np.array(known.features)
    return {
        name: names[x[:length].argmax(axis=1)].tolist()
        for name, x, length in zip(known.ids, known.x, known.length.tolist(), strict=True)
    }


@pytest.mark.parametrize("at_once", [1000, 1 << 20])
def test_a_session_is_what_the_lines_say_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", at_once)
    found = sessions()
    put(tmp_path, frame(mixed(found)), labels(found))
    assert recognise(str(tmp_path)) == {"kind": "structured", "path": str(tmp_path)}
    source = opened(tmp_path, min_sessions=1)
    assert events_of(source) == {f"blk_{number}": [f"event_{e}" for e in of] for number, of in found.items()}
    known = source.loaded.known
    wrong = {name: bool(label.any()) for name, label in zip(known.ids, known.label, strict=True)}
    assert wrong == {f"blk_{number}": "E6" in of for number, of in found.items()}
    assert (known.label != 0).sum() == sum(len(of) for of in found.values() if "E6" in of)
    assert known.classes == ("Normal", "Anomaly")
    assert known.x.sum() == known.length.sum()
    lines = sum(map(len, found.values()))
    assert source.notes[1:4] == (
        "label is that of the block in anomaly_label.csv, on all of its events",
        f"a session is a block: 24 in {lines} lines",
        "6 events have a column each; 0 in fewer than 1 sessions share the column 'other'",
    )


def test_it_has_the_numbers_of_a_table_of_its_sessions(tmp_path: Path) -> None:
    found = sessions(40)
    put(tmp_path / "log", frame(mixed(found)), labels(found))
    order = {name: place for place, name in enumerate(events_of(opened(tmp_path / "log")))}
    table = labels(found).assign(Features=[f"[{','.join(of)}]" for of in found.values()])
    table.sort_values("BlockId", key=lambda names: names.map(order)).to_csv(tmp_path / "Event_traces.csv", index=False)
    one, other = opened(tmp_path / "log").loaded.known, opened(tmp_path / "Event_traces.csv").loaded.known
    assert (one.ids, one.features, one.classes) == (other.ids, other.features, other.classes)
    for key in ("x", "label", "length"):
        np.testing.assert_array_equal(vars(one)[key], vars(other)[key])


def test_lines_that_name_no_block_or_several(tmp_path: Path) -> None:
    lines = [*mixed(THREE), ("E3", "Starting thread"), line("E4", 7), line("E2", 9, -8, 9), ("E3", "blk_ and blk_x")]
    put(tmp_path, frame(lines), labels({**THREE, 11: ["E1"]}))
    source = opened(tmp_path, min_sessions=1)
    events = events_of(source)
    assert events["blk_7"] == ["event_E1", "event_E2", "event_E4"]  # which names it twice
    assert events["blk_9"] == ["event_E1", "event_E3", "event_E2"]
    assert events["blk_-8"] == ["event_E1", "event_E6", "event_E3", "event_E2"]
    assert source.notes[2:4] == (
        "anomaly_label.csv: 1 of its 4 blocks are in no line",
        "a session is a block: 3 in 11 lines; 2 lines name no block and are left out; 1 lines name several, and are an "
        "event of each",
    )


def test_blocks_without_a_label(tmp_path: Path) -> None:
    more = {**THREE, 10: ["E1", "E3", "E3"]}
    put(tmp_path, frame(mixed(more)), labels(THREE))
    assert heard(tmp_path, tmp_path) == (
        "HERE/HDFS.log_structured.csv: 1 of 4 blocks have no label in anomaly_label.csv (the first is blk_10); "
        "complete it, or leave them out with unlabelled: drop"
    )
    source = opened(tmp_path, unlabelled="drop", min_sessions=1)
    assert "blk_10" not in source.loaded.known.ids
    assert "blocks without a label in anomaly_label.csv: 1 of 4, left out" in source.notes
    source = opened(tmp_path, labels=None, min_sessions=1)
    assert "blk_10" in source.loaded.known.ids
    assert not source.loaded.known.label.any()
    assert source.notes[1] == "no column holds labels, so all steps are taken as normal"


def test_where_the_files_are(tmp_path: Path) -> None:
    put(tmp_path / "a", frame(mixed(THREE)))
    assert heard(tmp_path / "a", tmp_path) == (
        "HERE/a: there is no anomaly_label.csv in it; it has the label of each block (BlockId, Label); put it there, "
        "name another one with labels: FILE, or take all sessions as normal with labels: null"
    )
    (tmp_path / "a" / "preprocessed").mkdir()
    labels(THREE).to_csv(tmp_path / "a" / "preprocessed" / "anomaly_label.csv", index=False)
    assert opened(tmp_path / "a", min_sessions=1).loaded.known.label.any()
    assert opened(tmp_path / "a" / "HDFS.log_structured.csv", min_sessions=1).loaded.known.label.any()
    labels(THREE).rename(columns=str).to_csv(tmp_path / "a" / "mine.csv", index=False)
    assert opened(tmp_path / "a", labels="mine.csv", min_sessions=1).loaded.known.label.any()
    assert heard(tmp_path / "a", tmp_path, labels="../mine.csv") == (
        "labels: ../mine.csv does not lie in HERE/a; put it there and name it from there"
    )
    put(tmp_path / "b", frame(mixed(THREE)), labels(THREE))
    packed = tmp_path / "b" / "HDFS.log_structured.csv"
    packed.with_suffix(".csv.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    assert recognise(str(tmp_path / "b" / "anomaly_label.csv"))["path"] == str(tmp_path / "b")
    assert len(opened(tmp_path / "b", min_sessions=1).loaded.known) == 3
    put(tmp_path / "b", frame(mixed(THREE)))
    assert "holds both" in heard(tmp_path / "b", tmp_path)
    packed.rename(packed.with_name("BGL.log_structured.csv"))
    assert heard(tmp_path / "b", tmp_path) == (
        "HERE/b: holds BGL.log_structured.csv and HDFS.log_structured.csv.gz; name one of them"
    )


def test_a_raw_log_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "HDFS.log").write_text("081109 203518 143 INFO dfs.DataNode: Receiving block blk_1 src: /10\n")
    labels(THREE).to_csv(tmp_path / "anomaly_label.csv", index=False)
    assert heard(tmp_path, tmp_path) == (
        "HERE: there is no structured log in it (NAME.log_structured.csv); make one of the raw log with logparser, as "
        "its events are not known without"
    )


def test_short_sessions_few_and_the_first_events(tmp_path: Path) -> None:
    found = {**sessions(), 5: ["E1"]}
    put(tmp_path, frame(mixed(found)), labels(found))
    source = opened(tmp_path, take=8, longest=4, min_sessions=1)
    every = [name for name in events_of(opened(tmp_path, min_sessions=1)) if name != "blk_5"]
    assert source.loaded.known.ids == tuple(every[::3])
    assert source.loaded.known.length.tolist() == [4] * 8
    assert source.loaded.known.x.shape[:2] == (8, 4)
    assert {
        "sessions with fewer than 2 events: 1 of 25, left out",
        "8 of 24 sessions are read, evenly chosen (take)",
        "8 of 8 sessions end after 4 events (longest)",
    } <= set(source.notes)


def test_what_is_too_large_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sessions()
    put(tmp_path, frame(mixed(found)), labels(found))
    monkeypatch.setattr("seqanomaly.datasets.laid.PADDED", 1 << 10)
    assert heard(tmp_path, tmp_path) == (
        "HERE/HDFS.log_structured.csv: 24 sequences padded to the 31 steps of the longest, 7 features each, are "
        "over 0 GB; read the first events of each, as with longest: 50, or fewer sessions, as with take: 100000"
    )


def test_sessions_of_unlike_lengths_are_not_padded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sessions()
    put(tmp_path, frame(mixed(found)), labels(found))
    padded = opened(tmp_path).loaded.known
    monkeypatch.setattr("seqanomaly.datasets.laid.MUCH", 0)
    monkeypatch.setattr("seqanomaly.datasets.laid.TIMES", 0)
    source = opened(tmp_path)
    assert source.loaded.known.flat is not None
    assert any("as with longest: 50" in note for note in source.notes)
    again = source.loaded.known.padded()
    assert np.array_equal(again.x, padded.x)
    assert np.array_equal(again.label, padded.label)


def test_a_new_log_has_the_columns_of_the_detector(tmp_path: Path) -> None:
    put(tmp_path, frame(mixed(THREE)))
    features = ("event_E1", "event_E3", "other")
    known = Structured(path=str(tmp_path), labels=None).for_features(features).open().known
    assert known is not None
    assert known.features == features
    assert known.x[known.ids.index("blk_7"), :2].tolist() == [[1, 0, 0], [0, 0, 1]]


def alerts(count: int = 60) -> pd.DataFrame:
    """Lines of a supercomputer, some of them alerts."""
    events = ["E1", "E2", "E3", "E4", "E4"]
    lines = [(events[place * 7 % 5], f"generating core.{place}") for place in range(count)]
    return frame(lines, Label=np.where(np.arange(count) % 11 == 5, "APPREAD", "-"))


def test_lines_with_labels_are_one_series(tmp_path: Path) -> None:
    alerts().to_csv(tmp_path / "BGL.log_structured.csv", index=False)
    source = opened(tmp_path / "BGL.log_structured.csv")
    parts = source.parts(0)
    assert parts.train.ids == parts.test.ids == ("BGL",)
    assert (len(parts.train.label[0]), parts.test.start.tolist(), parts.test.length.tolist()) == (34, [42], [18])
    label = np.concatenate([part.label[0] for part in (parts.train, parts.validation, parts.test)])
    assert np.flatnonzero(label).tolist() == list(range(5, 60, 11))
    assert source.notes[1:3] == (
        "label is 1 where column 'Label' is not '-'; the lines are one series in the order of the file",
        "4 events have a column each; 0 in fewer than 5 lines share the column 'other'",
    )
    alerts().assign(Label="x").to_csv(tmp_path / "BGL.log_structured.csv", index=False)
    assert heard(tmp_path, tmp_path) == (
        "HERE/BGL.log_structured.csv: column 'Label' has no label '-', which means normal; say which one does with "
        "normal: LABEL"
    )
    assert not opened(tmp_path, normal="x").loaded.known.label.any()


def test_the_order_of_lines(tmp_path: Path) -> None:
    put(tmp_path, frame(mixed(THREE)).iloc[::-1], labels(THREE))
    source = opened(tmp_path, min_sessions=1)
    assert "LineId is not in order (data row 2): lines are taken in the order of the file" in source.notes


def changed(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "HDFS.log_structured.csv"
        change(pd.read_csv(path)).to_csv(path, index=False)

    return apply


def relabelled(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "anomaly_label.csv"
        change(pd.read_csv(path)).to_csv(path, index=False)

    return apply


def in_text(old: str, new: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "HDFS.log_structured.csv"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return apply


def emptied(folder: Path) -> None:
    (folder / "HDFS.log_structured.csv").write_text(",".join(NAMES) + "\n")


LOG, OF = "HERE/HDFS.log_structured.csv: ", "HERE/anomaly_label.csv: "


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (changed(lambda t: t.assign(EventId=[*t["EventId"][:3], "", *t["EventId"][4:]])),
         LOG + "column 'EventId', data row 4: the event is missing"),
        (changed(lambda t: t.assign(Content="x")),
         LOG + "no line names a block (blk_..) in column 'Content' and there is no column 'Label', so neither"),
        (changed(lambda t: t.assign(Content="blk_99999999999999999999")),
         LOG + "column 'Content', data row 1: 'blk_99999999999999999999' is no block, whose numbers have 64 bits"),
        (changed(lambda t: t.iloc[:1]), LOG + "no session has 2 events or more, so there is no early and no late one"),
        (emptied, LOG + "there are no rows"),
        (in_text("\n3,", "\n3,x,"), LOG + "a row has 10 values where the header has 9 names (3,x,081109,"),
        (in_text("\n3,", '\n3,"'), LOG + "a row has 2 values where the header has 9 names (3,"),
        (in_text("\n3,", "\n\0,"), LOG + "byte 477 is NUL, so it is no text file"),
        (relabelled(lambda t: t.rename(columns={"Label": "Lable"})), OF + "there is no column 'Label'; did you mean"),
        (relabelled(lambda t: t.rename(columns={"BlockId": "x"})), OF + "there is no column 'BlockId'; known: x"),
        (relabelled(lambda t: t.assign(Label=["", *t["Label"][1:]])),
         OF + "column 'Label', data row 1: the value is missing; fill it or drop the row"),
        (relabelled(lambda t: t.assign(Label=["x", *t["Label"][1:]]).replace("Normal", "ok")),
         OF + "column 'Label' has the labels Anomaly, ok, x and none is 0, 'normal' or 'Success'; say which"),
        (relabelled(lambda t: t.assign(BlockId=["7", *t["BlockId"][1:]])),
         OF + "column 'BlockId', data row 1: '7' is no block; they are written as blk_-160"),
        (relabelled(lambda t: t.assign(BlockId=["blk_99999999999999999999", *t["BlockId"][1:]])),
         OF + "column 'BlockId', data row 1: 'blk_99999999999999999999' is no block"),
        (relabelled(lambda t: pd.concat([t, t.iloc[:1]])),
         OF + "column 'BlockId', data row 4: blk_7 has a row already; keep one of them"),
        (relabelled(lambda t: t.iloc[:0]), OF + "there are no rows"),
    ],
)  # fmt: skip
def test_broken_logs(tmp_path: Path, change: Callable[[Path], None], text: str) -> None:
    put(tmp_path, frame(mixed(THREE)), labels(THREE))
    change(tmp_path)
    assert heard(tmp_path, tmp_path, min_sessions=1).startswith(text)


def test_a_line_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "AT_ONCE", 1 << 20)
    put(tmp_path, frame(mixed(THREE)), labels(THREE))
    in_text("\n3,", f"\n3,{'x' * (3 << 20)}")(tmp_path)
    assert heard(tmp_path, tmp_path) == LOG + "has a line of over 1 MB, so it is no table with a line per row"


def test_counts_of_events_are_no_sequence(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"BlockId": ["blk_1", "blk_2"], "Label": ["Success", "Fail"], "Type": [None, 3], "E1": 1, "E2": 2}
    )
    table.to_csv(tmp_path / "Event_occurrence_matrix.csv", index=False)
    said = (
        "HERE/Event_occurrence_matrix.csv: has how often each event is in a session (columns such as 'E1') and not in "
        "which order, so no steps; read loghub's Event_traces.csv, which has the order"
    )
    assert heard(tmp_path / "Event_occurrence_matrix.csv", tmp_path) == heard(tmp_path, tmp_path) == said


def test_a_block_is_found_wherever_it_stands() -> None:
    import pyarrow as pa

    texts = ["blk_1", "", "xblk_-2,blk_3_1004.meta", "blk_", "blk_-", "BLK_4", "blk_blk_5"]
    row, block = loglines.blocks_in(pa.array(texts), Path("doc"))
    assert (row.tolist(), block.tolist()) == ([0, 2, 2, 6], [1, -2, 3, 5])
