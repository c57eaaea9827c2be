"""`seqanom report`: tables and figures again, from what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of an experiment, as given to --out of compare.")],
    metric: Annotated[str, typer.Option(help="accuracy, balanced_accuracy, auroc or average_precision.")] = "accuracy",
    early_cost: Annotated[
        float | None, typer.Option(help="Also say which loss is best late that loses at most so many points early.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Make the tables and figures of an experiment again, without training."""
    from seqanom.compare import check_view, show
    from seqanomaly.errors import ConfigError
    from seqanomaly.paths import EXPERIMENT
    from seqanomaly.store import Store

    check_view(metric, early_cost)
    if not (folder / EXPERIMENT).is_file():
        raise ConfigError(f"{folder}: holds no experiment ({EXPERIMENT} is missing); name the --out of a compare")
    show(*Store(folder).experiment(), folder, early_cost=early_cost, metric=metric, as_json=as_json)
