"""`seqanom score`: a trained detector on new data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqanom import console
from seqanomaly.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from seqanomaly.datasets.files import FileData
    from seqanomaly.datasets.sequences import Sequences
    from seqanomaly.datasets.source import DataSpec
    from seqanomaly.detector import Detector


def score(
    run: Annotated[str, typer.Argument(help="Run folder, or the beginning of a run's digest.")],
    data: Annotated[str, typer.Argument(help="What --data takes, with the features of the training data.")],
    out: Annotated[Path | None, typer.Option(help="File to write (.csv or .parquet); else standard output.")] = None,
    series: Annotated[str | None, typer.Option(help="Column that names the sequence, if called differently.")] = None,
    step: Annotated[str | None, typer.Option(help="Column that orders its rows, if called differently.")] = None,
    part: Annotated[
        str | None, typer.Option(help="test or all: which steps of a family of files.", show_default="test, if given")
    ] = None,
    runs: Annotated[Path, typer.Option(help="Where to look for a digest.")] = Path("results"),
) -> None:
    """Score and decision for each step of new data.

    A table is scored row by row, in the order of its rows, and needs no labels.

    Of a family of files the test part is scored where it is given, else every sequence.
    """
    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(f"--out: unknown ending of {out}; use .csv or .parquet")
    folder = _find(run, runs)
    from seqanom.values import read_values
    from seqanomaly.datasets.files import FileData

    values = read_values(data, "data")
    spec = _spec(values, data)
    if out is not None and out.resolve() == Path(str(spec.settings().get("path") or "")).resolve():
        raise ConfigError(f"--out: {out} is the data to score; name another file")
    from seqanomaly.detector import Detector

    detector = Detector.load(folder)
    if isinstance(spec, FileData):
        if part is not None:
            raise ConfigError("--part: is for a family of files; of a table every row is scored, so leave it out")
        given = values[0] if isinstance(values[0], Mapping) else {}
        pieces = _score_table(detector, spec, series or given.get("series"), step or given.get("step"))
    else:
        if series is not None or step is not None:
            raise ConfigError(f"--series and --step are for a table, not for {spec.kind}; leave them out")
        pieces = [_score_parts(detector, spec, part)]
    if out is None:
        for number, piece in enumerate(pieces):
            console.result_text(piece.to_csv(index=False, header=not number, lineterminator="\n"))
        return
    steps, anomalous = _write(pieces, out, detector.classes[0])
    console.remark(f"{steps} steps scored, {anomalous} of them anomalous: {out}")


def _spec(values: list[object], text: str) -> DataSpec:
    from seqanomaly.datasets.source import DataSpec
    from seqanomaly.datasets.specs import pick_data

    if len(values) != 1:
        raise ConfigError(f"DATA is one data set, got {len(values)} in {text!r}; score one after the other")
    try:
        found = pick_data(values[0])
    except ConfigError as error:
        raise error.within("data") from None
    assert isinstance(found, DataSpec)
    return found


def _score_table(detector: Detector, spec: FileData, series: str | None, step: str | None) -> Iterable[pd.DataFrame]:
    """The rows of a table in their order; without the detector's column of series it may be one series.

    They come all at once, or some after the other where the table is larger than memory.
    """
    from seqanomaly.datasets.formats.table import read_noted
    from seqanomaly.datasets.single import ROW, SERIES, one_series

    path = spec.table()
    if spec.is_mapped():
        return _score_mapped(detector, spec, series, step)
    table = read_noted(path, spec.commas, asks=True)[0].rename(columns=str)
    if spec.rows == "sequences":
        table, _ = spec.long(table)
        return [detector.score(table, path.name, series=spec.series, step=spec.step)]
    if spec.series is None and series is None and detector.series not in table:
        known = None if detector.step == ROW else detector.step
        step = step or (known if known in table else spec.step)
        table, _ = one_series(table, step, path.name.split(".")[0], path.name, spec.dates)
        series, step = SERIES, step or ROW
    return [detector.score(table, path.name, series=series, step=step, dates=spec.dates)]


def _score_mapped(detector: Detector, spec: FileData, series: str | None, step: str | None) -> Iterable[pd.DataFrame]:
    """The same where the table is larger than memory."""
    from seqanomaly.datasets.mapped.one import One
    from seqanomaly.datasets.mapped.tables import columns_of
    from seqanomaly.datasets.single import ROW, SERIES
    from seqanomaly.scoring import score_pieces

    path = spec.table()
    names = columns_of(path) if spec.series is None and series is None else [detector.series]
    if detector.series in names:
        return score_pieces(detector, path, series=series, step=step, dates=spec.dates, commas=spec.commas)
    known = None if detector.step == ROW else detector.step
    one = One(name=path.name.split(".")[0], step=step or (known if known in names else spec.step))
    return score_pieces(
        detector, path, series=SERIES, step=one.step or ROW, one=one, dates=spec.dates, commas=spec.commas
    )


def _score_parts(detector: Detector, spec: DataSpec, part: str | None) -> pd.DataFrame:
    """The test part of a data set, or all of its sequences; it is said which."""
    import pandas as pd

    source = spec.for_features(detector.features).open()
    given = source.official_test or source.known is None
    if part not in (None, "test", "all"):
        raise ConfigError(f"--part: must be test or all, got {part!r}")
    if part == "test" and not given:
        raise ConfigError(f"--part: {spec.name} has no given test part, the seed draws it; choose all, or leave it out")
    parts = source.parts(0)
    chosen: dict[str, Sequences] = {"test": parts.test} if given and part != "all" else dict(vars(parts))
    if not given:
        assert source.known is not None
        chosen = {"all": source.known}
    scored = pd.concat([detector.score_sequences(one, spec.name) for one in _named(chosen).values()], ignore_index=True)
    which = "the test part" if list(chosen) == ["test"] else "every sequence"
    other = "; --part all scores every sequence" if list(chosen) == ["test"] else ""
    console.remark(f"Scored: {which} of {spec.name}, {console.plural(scored['series'].nunique(), 'sequence')}{other}.")
    return scored


def _named(parts: dict[str, Sequences]) -> dict[str, Sequences]:
    """The parts with names that tell their series apart, also where a test recording has the name of a training one."""
    from dataclasses import replace

    from seqanomaly.datasets.spans import series_names

    names = series_names(parts)
    return {word: replace(one, ids=names[word]) for word, one in parts.items()}


def _write(pieces: Iterable[pd.DataFrame], out: Path, normal: str) -> tuple[int, int]:
    """Write scores; how many steps they are, and how many of them are anomalous."""
    from seqanomaly.datasets.written import write_pieces

    steps = anomalous = 0

    def counted() -> Iterator[pd.DataFrame]:
        nonlocal steps, anomalous
        for piece in pieces:
            steps += len(piece)
            anomalous += int((piece["decision"].notna() & (piece["decision"] != normal)).sum())
            yield piece

    try:
        write_pieces(counted(), out)
    except OSError as error:
        raise ConfigError(f"--out: cannot write {out} ({error.strerror or error})") from None
    return steps, anomalous


def _find(run: str, runs: Path) -> Path:
    """The run folder that `run` names."""
    from seqanomaly.datasets.formats.stream import is_file

    if is_file(Path(run) / "detector.json"):
        return Path(run)
    found = sorted(path for path in runs.rglob(f"runs/??/{run}*") if path.is_dir()) if run.isalnum() else []
    digests = {path.name for path in found}
    if len(digests) > 1:
        raise ConfigError(f"{run!r} is the beginning of {len(digests)} runs in {runs}; give more of the digest")
    if not found:
        raise ConfigError(
            f"{run!r} is neither a run folder nor the beginning of the digest of a run in {runs}; "
            "`seqanom runs DIR` lists them, --runs says where to look"
        )
    return found[0]
