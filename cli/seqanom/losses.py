"""`seqanom losses`: the catalogue of modulations."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from seqanom import console

BARS = " ▁▂▃▄▅▆▇█"


def losses(
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as JSON.")] = False,
) -> None:
    """The losses: weight of a step by its counter, what it emphasises, where it comes from."""
    from seqanomaly.losses.modulations import MODULATIONS

    if as_json:
        console.result_json([entry(name) for name in MODULATIONS])
        return
    console.result("Weight of a step with counter c, and its shape over 50 steps, mean-normalised as in runs:\n")
    width = max(map(len, MODULATIONS)) + 2
    for name in MODULATIONS:
        row = entry(name)
        settings = ", ".join(f"{key}={value}" for key, value in row["settings"].items()) or "none"
        console.result(Text.assemble((name.ljust(width), "bold"), row["formula"]))
        console.result(f"{'':{width}}{curve(row['weights'])}  emphasis {row['emphasis']}, ESS {row['ess']:.1f} of 50")
        console.result(f"{'':{width}}settings: {settings}; source: {row['source']}\n")
    console.result("Use one with --loss NAME, or with settings: --loss '{kind: exp, rate: 0.2, normalize: none}'")


def entry(name: str) -> dict[str, Any]:
    """One loss with its default settings, its normalised weights over 50 steps and their ESS."""
    import torch

    from seqanomaly.losses import CounterLoss, diagnose
    from seqanomaly.losses.modulations import MODULATIONS

    modulation = MODULATIONS[name]()
    counter = torch.arange(50).unsqueeze(0)
    weights = CounterLoss("bce", modulation, normalize="mean").weights(counter)
    facts = diagnose(weights, torch.zeros_like(counter, dtype=torch.bool), torch.ones_like(counter, dtype=torch.bool))
    settings = {key: _plain(value) for key, value in modulation.settings().items() if key != "kind"}
    return {
        "name": name,
        "formula": modulation.formula,
        "settings": {key: value for key, value in settings.items() if value is not None},
        "emphasis": modulation.emphasis,
        "source": modulation.source,
        "ess": round(facts.ess, 3),
        "weights": [round(value, 6) for value in weights[0].tolist()],
    }


def curve(weights: list[float], width: int = 25) -> str:
    """Weights as a row of bars, each the mean of its share of the steps, the highest one full.

    >>> curve([0.0, 0.0, 1.0, 1.0], width=4)
    '  ██'
    """
    parts = [weights[i * len(weights) // width : (i + 1) * len(weights) // width] for i in range(width)]
    means = [sum(part) / len(part) for part in parts]
    return "".join(BARS[round(mean / max(means) * (len(BARS) - 1))] for mean in means)


def _plain(value: object) -> object:
    return value["kind"] if isinstance(value, dict) else value
