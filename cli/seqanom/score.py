"""`seqanom score`: a trained detector on new data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqanom import console
from seqanomaly.errors import ConfigError
from seqanomaly.paths import whole


def score(
    run: Annotated[str, typer.Argument(help="Run folder, or the beginning of a run's digest.")],
    data: Annotated[Path, typer.Argument(help="CSV or Parquet file with the columns of the training data.")],
    out: Annotated[Path | None, typer.Option(help="File to write (.csv or .parquet); else standard output.")] = None,
    series: Annotated[str | None, typer.Option(help="Column that names the sequence, if called differently.")] = None,
    step: Annotated[str | None, typer.Option(help="Column that orders its rows, if called differently.")] = None,
    runs: Annotated[Path, typer.Option(help="Where to look for a digest.")] = Path("results"),
) -> None:
    """Score and decision for each step of new data, in the order of its rows."""
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"--out: unknown ending of {out}; use .csv or .parquet")
    if out is not None and out.resolve() == data.resolve():
        raise ConfigError(f"--out: {out} is the data to score; name another file")
    folder = _find(run, runs)
    from seqanomaly.datasets.formats.table import read_table
    from seqanomaly.detector import Detector

    detector = Detector.load(folder)
    scored = detector.score(read_table(data), data.name, series=series, step=step)
    if out is None:
        console.result_text(scored.to_csv(index=False, lineterminator="\n"))
        return
    try:
        with whole(out) as draft:
            if out.suffix == ".csv":
                scored.to_csv(draft, index=False, lineterminator="\n")
            else:
                scored.to_parquet(draft, index=False)
    except OSError as error:
        raise ConfigError(f"--out: cannot write {out} ({error.strerror or error})") from None
    found = scored["decision"].notna() & (scored["decision"] != detector.classes[0])
    console.remark(f"{len(scored)} steps scored, {int(found.sum())} of them anomalous: {out}")


def _find(run: str, runs: Path) -> Path:
    """The run folder that `run` names."""
    if (Path(run) / "detector.json").is_file():
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
