"""The weights of the steps that are learned."""

import torch

from seqanomaly.datasets.synthetic import Ar
from seqanomaly.losses.modulations import Step
from seqanomaly.preparation import prepare
from seqanomaly.run_config import LossSpec, RunConfig
from seqanomaly.tasks import TASKS
from seqanomaly.weighting import step_weights


def test_a_share_is_one_of_the_whole_sequence_whatever_is_learned_of_it() -> None:
    late = RunConfig(task="forecast", data=Ar(length=50, train=20, test=2), loss=LossSpec(modulation=Step()))
    data = prepare(late.data.open(), TASKS["forecast"], 0, "ar")
    weight = step_weights(late, TASKS["forecast"], data)
    assert bool((weight[:, :25] == 0).all())
    assert torch.equal(weight > 0, data.train.mask & (torch.arange(50) >= 25))
    learned = data.train.mask.sum(-1)
    torch.testing.assert_close(weight.sum(-1), learned.float())
