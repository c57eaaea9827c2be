"""Model configurations: what a user may set, read without loading torch, and built when a run begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from seqanomaly.config import Component, one_of

if TYPE_CHECKING:
    from seqanomaly.models.base import SequenceModel


class ModelSpec(Component, ABC):
    """A model by its kind and sizes."""

    trained: ClassVar[bool] = True
    """Whether the loop trains it; if not, loss and training settings mean nothing to it."""
    carries: ClassVar[bool] = False
    """Whether a state goes from step to step, so that a sequence can be computed in pieces."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Hidden values per step and sequence."""

    @property
    @abstractmethod
    def depth(self) -> int:
        """Layers that are computed one after the other."""

    @abstractmethod
    def build(self, features: int, outputs: int) -> SequenceModel:
        """The model for that many features and outputs per step."""


class _LayeredSpec(ModelSpec, ABC):
    layers: int = Field(1, ge=1, le=64)
    """Number of layers, at least 1."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of hidden values dropped while training, in [0, 1)."""

    @property
    def depth(self) -> int:
        return self.layers


class _RecurrentSpec(_LayeredSpec, ABC):
    carries: ClassVar[bool] = True
    hidden: int = Field(16, ge=1)
    """Number of hidden units, at least 1."""

    @property
    def width(self) -> int:
        return self.hidden


class RnnSpec(_RecurrentSpec):
    """Elman network with tanh."""

    kind: Literal["rnn"] = "rnn"

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.rnn import RNN

        return RNN(features, outputs, hidden=self.hidden, layers=self.layers, dropout=self.dropout)


class GruSpec(_RecurrentSpec):
    """Gated recurrent unit."""

    kind: Literal["gru"] = "gru"

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.rnn import GRU

        return GRU(features, outputs, hidden=self.hidden, layers=self.layers, dropout=self.dropout)


class LstmSpec(_RecurrentSpec):
    """Long short-term memory."""

    kind: Literal["lstm"] = "lstm"

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.rnn import LSTM

        return LSTM(features, outputs, hidden=self.hidden, layers=self.layers, dropout=self.dropout)


class TcnSpec(_LayeredSpec):
    """Temporal convolutional network: residual causal dilated blocks."""

    kind: Literal["tcn"] = "tcn"
    channels: int = Field(16, ge=1)
    """Number of channels of each convolution, at least 1."""
    kernel: int = Field(3, ge=2)
    """Steps that one convolution sees, at least 2."""
    layers: int = Field(4, ge=1, le=24)
    """Number of residual blocks; the receptive field is 1 + 2 (kernel - 1) (2^layers - 1) steps."""

    @property
    def width(self) -> int:
        return self.channels

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.tcn import TCN

        return TCN(
            features,
            outputs,
            channels=self.channels,
            kernel=self.kernel,
            layers=self.layers,
            dropout=self.dropout,
        )


class _BaselineSpec(ModelSpec, ABC):
    @property
    def width(self) -> int:
        return 1

    @property
    def depth(self) -> int:
        return 1


class LogisticSpec(_BaselineSpec):
    """Linear in the features of the step; logistic regression, or a linear autoregression as a forecaster."""

    kind: Literal["logistic"] = "logistic"

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.baselines import Logistic

        return Logistic(features, outputs)


class PositionSpec(_BaselineSpec):
    """The step index alone, cut where the training labels are best told apart."""

    kind: Literal["position"] = "position"
    trained: ClassVar[bool] = False

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.baselines import Position

        return Position(features, outputs)


class MajoritySpec(_BaselineSpec):
    """The commonest class of the training steps, always."""

    kind: Literal["majority"] = "majority"
    trained: ClassVar[bool] = False

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.baselines import Majority

        return Majority(features, outputs)


class RandomSpec(_BaselineSpec):
    """A score at random that knows nothing of the labels."""

    kind: Literal["random"] = "random"
    trained: ClassVar[bool] = False

    def build(self, features: int, outputs: int) -> SequenceModel:
        from seqanomaly.models.baselines import Random

        return Random(features, outputs)


MODELS: dict[str, type[ModelSpec]] = {
    "rnn": RnnSpec,
    "gru": GruSpec,
    "lstm": LstmSpec,
    "tcn": TcnSpec,
    "logistic": LogisticSpec,
    "position": PositionSpec,
    "majority": MajoritySpec,
    "random": RandomSpec,
}
"""Every model by its name."""
BASELINES: tuple[ModelSpec, ...] = (LogisticSpec(), PositionSpec(), MajoritySpec(), RandomSpec())
"""What any detector has to be held against."""

pick_model = one_of(MODELS, "model")
"""A name or a mapping as a model."""

AnyModel = Annotated[ModelSpec, BeforeValidator(pick_model), SerializeAsAny()]
"""Any model, given by name, as a mapping or as it is."""
