"""`seqanom report`: tables and figures again, from what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of an experiment, as given to --out of compare.")],
    metric: Annotated[
        str | None, typer.Option(help="What the findings speak of: accuracy, balanced_accuracy, f1, auroc, ..")
    ] = None,
    early_cost: Annotated[
        float | None, typer.Option(help="Also say which loss is best late that loses at most so many points early.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Make the tables and figures of an experiment again, without training."""
    from seqanom.compare import check_cost, show
    from seqanomaly.engines.copies import one_thread
    from seqanomaly.errors import ConfigError
    from seqanomaly.paths import EXPERIMENT

    check_cost(early_cost)
    if not (folder / EXPERIMENT).is_file():
        raise ConfigError(f"{folder}: holds no experiment ({EXPERIMENT} is missing); name the --out of a compare")
    with one_thread():  # a process with more gets no helpers
        from seqanomaly.experiment import Experiment
        from seqanomaly.report.write import get_ready
        from seqanomaly.store import Store

        get_ready()
    experiment, digests = Store(folder).experiment()
    if metric is not None:
        experiment = Experiment(**{**experiment.settings(), "metric": metric})
    show(experiment, digests, folder, early_cost=early_cost, as_json=as_json)
