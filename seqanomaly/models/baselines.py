"""Baselines: what any detector has to be held against. A linear model, and three that no loop trains.

Source: Wu & Keogh, arXiv 2009.13807, and Kim et al., arXiv 2109.05257, on results that such baselines reach as well.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from seqanomaly.models.base import Dropout, Parameter, SequenceModel, UntrainedModel, linear


class Logistic(SequenceModel):
    """Linear in the features of the step: z_t = W x_t + b, [O].

    Source: logistic regression (Cox, 1958); as a forecaster it is an autoregression of order 1.

    >>> model = Logistic(features=2, outputs=1)
    >>> row = model.rows({"weight": torch.tensor([[1.0, -1.0]]), "bias": torch.tensor([0.5])})
    >>> model.forward(model.views(row.unsqueeze(0)), torch.tensor([[[[3.0, 1.0]]]]), Dropout(0.0, [])).item()
    2.5
    """

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, dropout=0.0)

    @property
    def receptive_field(self) -> int:
        """The step alone."""
        return 1

    @property
    def width(self) -> int:
        return self.outputs

    def parameters(self) -> dict[str, Parameter]:
        bound = self.features**-0.5
        return {
            "weight": Parameter((self.outputs, self.features), bound),
            "bias": Parameter((self.outputs,), bound),
        }

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        return linear(x, weights["weight"], weights["bias"])  # [K, B, T, O]


class Majority(UntrainedModel):
    """Always the same answer: the log-odds of an anomalous training step, or the log frequencies of the classes.

    So it decides for the commonest class of the training steps (for anomalous where both are as common).

    >>> model = Majority(features=2, outputs=1)
    >>> label = torch.tensor([[0, 0, 0, 1]])
    >>> model.fitted(label, torch.ones_like(label, dtype=torch.bool), torch.Generator()).exp()  # one to three
    tensor([0.3333])
    """

    @property
    def receptive_field(self) -> int:
        """No features."""
        return 0

    def parameters(self) -> dict[str, Parameter]:
        return {"level": Parameter((self.outputs,), 1.0)}

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        return weights["level"][:, None, None].expand(*x.shape[:3], -1)  # [K, O] -> [K, B, T, O]

    def fitted(self, label: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        counts = _counts(label, mask, self.outputs).sum(0).double().clamp(min=0.5)  # [C], so that no log is infinite
        logits = counts.log() - counts.sum().log()
        return (logits[1:] - logits[0] if self.outputs == 1 else logits).float()


class Position(UntrainedModel):
    """The step index alone: one answer before a cut, another from it on; the first cut with the best training accuracy.

    With one logit, z_t = (t + 1/2 - cut) / T: a score that grows with the step, anomalous from the cut on. With a logit
    per class, it changes from the commonest class before the cut to the commonest one from it on. T is the longest
    training sequence.

    >>> model = Position(features=2, outputs=1)
    >>> label = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 1, 0]])
    >>> row = model.fitted(label, torch.ones_like(label, dtype=torch.bool), torch.Generator())
    >>> model.forward(model.views(row.unsqueeze(0)), torch.zeros(1, 1, 4, 2), Dropout(0.0, [])).flatten().tolist()
    [-0.375, -0.125, 0.125, 0.375]
    """

    @property
    def receptive_field(self) -> int:
        """No features."""
        return 0

    def parameters(self) -> dict[str, Parameter]:
        return {
            "cut": Parameter((1,), 10.0),
            "slope": Parameter((self.outputs,), 1.0),
            "level": Parameter((self.outputs,), 1.0),
        }

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        step = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) + 0.5
        past = (step - weights["cut"])[:, None, :, None]  # [K, 1, T, 1]
        lines = weights["level"][:, None, None] + weights["slope"][:, None, None] * past  # [K, 1, T, O]
        return lines.expand(*x.shape[:3], -1)  # [K, B, T, O]

    def fitted(self, label: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        counts = _counts(label, mask, self.outputs)  # [T, C]
        before = F.pad(counts.cumsum(0), (0, 0, 1, 0))  # [T + 1, C], steps before each cut
        after = before[-1] - before
        per_step = 1 / len(counts)
        if self.outputs == 1:
            cut = (before[:, 0] + after[:, 1]).argmax()
            return torch.tensor([cut.item(), per_step, 0.0])
        cut = (before.amax(1) + after.amax(1)).argmax()
        first, last = (F.one_hot(c[cut].argmax(), self.outputs) for c in (before, after))  # [C]
        level = torch.where(first + last > 0, 0.0, NEVER)
        return torch.cat([cut.float().reshape(1), (last - first) * per_step / 2, level])


NEVER = -1e4
"""Logit of a class that is never chosen."""


class Random(UntrainedModel):
    """A score drawn uniformly from (0, 1) for every step: its logit, or an independent one per class.

    The number is an integer hash (splitmix64's finaliser) of the member's key and of the bits of all features so far,
    so it is the same again whatever the batch is, and knows nothing of what comes later. Source: Steele, Lea & Flood,
    Fast splittable pseudorandom number generators, OOPSLA 2014.

    >>> model = Random(features=2, outputs=1)
    >>> row = model.init(torch.Generator().manual_seed(0))
    >>> z = model.forward(model.views(row.unsqueeze(0)), torch.zeros(1, 1, 10_000, 2), Dropout(0.0, []))
    >>> [round(z.sigmoid().quantile(q).item(), 1) for q in (0.1, 0.5, 0.9)]
    [0.1, 0.5, 0.9]
    """

    @property
    def receptive_field(self) -> None:
        """All steps so far."""
        return

    def parameters(self) -> dict[str, Parameter]:
        return {"key": Parameter((2,), 1.0)}

    def forward(self, weights: dict[str, Tensor], x: Tensor, drop: Dropout) -> Tensor:
        k, _, t, f = x.shape
        place = torch.arange(1, t * f + 1, device=x.device).view(t, f)
        seen = mixed(_bits(x) + GOLDEN * place).sum(-1).cumsum(-1)  # [K, B, T]: bits of x_0 .. x_t
        first, second = _bits(weights["key"]).view(k, 2, 1, 1).unbind(1)
        hashed = mixed(mixed(mixed(seen) + first) + second)
        output = torch.arange(1, self.outputs + 1, device=x.device)
        top = (mixed(hashed.unsqueeze(-1) + GOLDEN * output) >> 41) & (2**23 - 1)  # [K, B, T, O]
        return ((top.float() + 0.5) / 2**23).logit().to(x.dtype)

    def fitted(self, label: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        return self.init(generator)


def mixed(z: Tensor) -> Tensor:
    """Integers whose bits all depend on all bits of `z`, int64 of any shape, wrapping around: splitmix64's finaliser.

    >>> [n % 2**64 for n in mixed(GOLDEN * torch.tensor([1, 2])).tolist()]  # the first two numbers of seed 0
    [16294208416658607535, 7960286522194355700]
    """
    z = (z ^ _shifted(z, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    z = (z ^ _shifted(z, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return z ^ _shifted(z, 31)


GOLDEN = -7046029254386353131
"""0x9E3779B97F4A7C15, 2^64 over the golden ratio."""


def _shifted(z: Tensor, bits: int) -> Tensor:
    """`z` shifted to the right with zeros coming in."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def _bits(x: Tensor) -> Tensor:
    """The bits of each value as float32, [...] int64; both zeros alike."""
    return (x.float() + 0.0).contiguous().view(torch.int32).long()


def _counts(label: Tensor, mask: Tensor, outputs: int) -> Tensor:
    """How often each class stands at each step, [T, C], of labels [N, T] where the mask is True."""
    return (F.one_hot(label, max(2, outputs)) * mask.unsqueeze(-1)).sum(0)
