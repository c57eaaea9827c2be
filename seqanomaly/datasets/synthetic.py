"""Synthetic tasks whose best possible accuracy is known: drift, evidence, onset and ar."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from seqanomaly.datasets.sequences import Sequences
from seqanomaly.datasets.source import DataSpec, Parts, Source, hold_out
from seqanomaly.seeds import numpy_generator

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Reals = NDArray[np.float64]
Effect = Annotated[float, Field(ge=0, le=1000)]


class Synthetic(DataSpec):
    """Sequences of equal length drawn from a law under which the Bayes rule can be written down.

    Steps count from 0: x is [N, T, F]; label, posterior and accuracy stand at t = 0 .. T-1.
    """

    length: int = Field(50, ge=2)
    """T, steps per sequence; 2 or more."""
    train: int = Field(400, ge=2)
    """Training sequences drawn per seed, 20% of them for validation; 2 or more."""
    test: int = Field(2000, ge=1)
    """Test sequences drawn per seed; 1 or more."""

    @property
    @abstractmethod
    def features_count(self) -> int:
        """F, the number of features of a step."""

    @abstractmethod
    def draw(self, generator: np.random.Generator, count: int) -> tuple[Features, Labels]:
        """Draw `count` sequences: x [N, T, F] and label [N, T], 0 normal and 1 anomalous."""

    @abstractmethod
    def posterior(self, x: Features) -> Reals:
        """P(label_t = 1 | x_0 .. x_t), [N, T], for x [N, T, F]; the Bayes rule decides 1 from 1/2 on."""

    @abstractmethod
    def best_accuracy(self, x: Features, label: Labels, receptive_field: int | None = None) -> Reals:
        """Accuracy per step, [T], that no detector exceeds in the long run; fractions.

        With a `receptive_field` of R steps the detector sees x_{t-R+1} .. x_t only, with 0 the step index alone. Where
        no exact figure is known, the Bayes rule is evaluated on the drawn x [N, T, F] and label [N, T].
        """

    def content_digest(self) -> None:
        """None: every seed draws its own."""
        return

    def open(self) -> Source:
        """The sequences of every seed, drawn when they are asked for."""
        return _Drawn(self)

    def sequences(self, generator: np.random.Generator, count: int) -> Sequences:
        """Draw `count` whole sequences, named "0", "1", ..; features are x0, x1, ..

        >>> Drift(length=8).sequences(np.random.default_rng(1), 3).x.shape
        (3, 8, 5)
        """
        x, label = self.draw(generator, count)
        return Sequences(
            x=x,
            label=label,
            length=np.full(count, self.length, np.int64),
            ids=tuple(str(i) for i in range(count)),
            features=tuple(f"x{i}" for i in range(self.features_count)),
        )


@final
class Drift(Synthetic):
    """A linear boundary that turns by 90 degrees in the course of the sequence.

    x_t ~ N(0, I_F), label_t = 1[x_t . (cos a_t, sin a_t, 0, ..) + noise e_t > 0], e_t ~ N(0, 1), a_t from 0 to 90
    degrees in equal steps. The best accuracy is 1/2 + arctan(1/noise)/pi at every step, for a detector that knows the
    step. The bound is the same for every receptive field R, but a convolution with R < T cannot tell late steps apart
    and stays below it.

    Raises `ConfigError` for a value out of range.

    >>> Drift(length=3).best_accuracy(*Drift(length=3).draw(np.random.default_rng(1), 1)).round(3).tolist()
    [0.852, 0.852, 0.852]

    Source: this project; the bound is the orthant probability of two normals with correlation 1/sqrt(1 + noise^2)
    (Sheppard 1899).
    """

    kind: Literal["drift"] = "drift"
    """Name of the task."""
    features: int = Field(5, ge=2)
    """F, features of a step; the first two carry the label; 2 or more."""
    noise: Effect = 0.5
    """Standard deviation of the label noise, in standard deviations of a feature; 0 to 1000."""

    @property
    def features_count(self) -> int:
        """F, as set."""
        return self.features

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Features, Labels]:
        """Features first, then the noise of the labels."""
        x = generator.standard_normal((count, self.length, self.features), np.float32)
        noise = self.noise * generator.standard_normal((count, self.length))
        return x, (self._projection(x) + noise > 0).astype(np.int64)

    def posterior(self, x: Features) -> Reals:
        """Phi(x_t . direction_t / noise), [N, T]."""
        projection = self._projection(x)
        if self.noise == 0:
            return (projection > 0).astype(np.float64)
        with np.errstate(over="ignore"):  # a minute noise: infinite, which is as certain as it gets
            return _normal_cdf(projection / self.noise)

    def best_accuracy(self, x: Features, label: Labels, receptive_field: int | None = None) -> Reals:
        """Exact for any draw, [T]; a step's own features are all that counts."""
        del x, label
        gain = 0.0 if receptive_field == 0 else np.arctan2(1, self.noise) / np.pi
        return np.full(self.length, 0.5 + gain, np.float64)

    def _projection(self, x: Features) -> Reals:
        angle = np.linspace(0, np.pi / 2, self.length)
        return np.asarray(x[..., 0] * np.cos(angle) + x[..., 1] * np.sin(angle), np.float64)  # [N, T]


@final
class Evidence(Synthetic):
    """Evidence on the class of the whole sequence that adds up step by step.

    label_t = y with P(y = 1) = 1/2, x_t = y mu_t u + N(0, I_F), u = (1, .., 1)/sqrt(F). The best accuracy is
    Phi(sqrt(mu_{t-R+1}^2 + .. + mu_t^2)/2), over all steps up to t without a receptive field R; `mu: 0` is the null
    control, 1/2 everywhere.

    Raises `ConfigError` for a value out of range.

    >>> task = Evidence(length=25)
    >>> x, label = task.draw(np.random.default_rng(1), 1)
    >>> task.best_accuracy(x, label)[[0, 4, 9, 24]].round(3).tolist()
    [0.569, 0.652, 0.71, 0.809]
    >>> task.best_accuracy(x, label, receptive_field=5)[[0, 4, 9, 24]].round(3).tolist()
    [0.569, 0.652, 0.652, 0.652]

    Source: the likelihood ratio of two normal means (Neyman and Pearson 1933), summed as in Wald's sequential test
    (1945).
    """

    kind: Literal["evidence"] = "evidence"
    """Name of the task."""
    mu: Effect = 0.35
    """Shift of the mean in an anomalous sequence, in standard deviations of the noise; 0 to 1000."""
    schedule: Literal["constant", "ramp"] = "constant"
    """`constant`: mu_t = mu; `ramp`: mu_t rises from 0 at the first step to mu at the last in equal steps."""
    features: int = Field(4, ge=1)
    """F, features of a step, which share the shift equally; 1 or more."""

    @property
    def features_count(self) -> int:
        """F, as set."""
        return self.features

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Features, Labels]:
        """Classes first, then the noise."""
        y = generator.integers(0, 2, count)
        x = generator.standard_normal((count, self.length, self.features), np.float32)
        x += np.multiply.outer(y, self._shift() / np.sqrt(self.features))[..., None].astype(np.float32)  # [N, T, 1]
        return x, np.repeat(y[:, None], self.length, axis=1)

    def posterior(self, x: Features) -> Reals:
        """The log-odds sum_s mu_s (x_s . u - mu_s/2) as a probability, [N, T]."""
        shift = self._shift()
        projection = x.sum(axis=-1, dtype=np.float64) / np.sqrt(self.features)  # [N, T]
        return _sigmoid(np.cumsum(shift * (projection - shift / 2), axis=1))

    def best_accuracy(self, x: Features, label: Labels, receptive_field: int | None = None) -> Reals:
        """Exact for any draw, [T]."""
        del x, label
        power = np.concatenate([[0.0], np.cumsum(self._shift() ** 2)])  # [T + 1]
        stop = np.arange(1, self.length + 1)
        start = np.maximum(stop - _steps_seen(self.length, receptive_field), 0)
        return _normal_cdf(np.sqrt(power[stop] - power[start]) / 2)

    def _shift(self) -> Reals:
        return np.linspace(0 if self.schedule == "ramp" else self.mu, self.mu, self.length)


@final
class Onset(Synthetic):
    """An anomaly that begins at a random step and stays.

    label_0 = 1 with P = hazard, and every later normal step turns anomalous with P = hazard, so that the prevalence at
    step t is 1 - (1 - hazard)^(t+1); x_t = shift label_t + N(0, 1) in every feature. The posterior follows from
    p- = p + (1 - p) hazard and Bayes' rule, computed in log-odds. Its accuracy has no closed form: `best_accuracy`
    evaluates the rule on the drawn sequences, and with a receptive field R starts it from the prevalence at step t-R.

    Raises `ConfigError` for a value out of range.

    >>> Onset(length=3, hazard=0.5, shift=0).posterior(np.zeros((1, 3, 1), np.float32)).round(3).tolist()
    [[0.5, 0.75, 0.875]]

    Source: Shiryaev, On optimum methods in quickest detection problems (1963).
    """

    kind: Literal["onset"] = "onset"
    """Name of the task."""
    hazard: float = Field(0.02, gt=0, lt=1)
    """Probability that a normal sequence turns anomalous at the next step; above 0 and below 1."""
    shift: Effect = 1.0
    """Shift of every feature from the onset on, in standard deviations of the noise; 0 to 1000."""
    features: int = Field(1, ge=1)
    """F, features of a step, each with the whole shift; 1 or more."""

    @property
    def features_count(self) -> int:
        """F, as set."""
        return self.features

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Features, Labels]:
        """Onsets first, then the noise."""
        onset = generator.geometric(self.hazard, count) - 1  # [N], normal steps before the onset
        label = (np.arange(self.length) >= onset[:, None]).astype(np.int64)  # [N, T]
        x = generator.standard_normal((count, self.length, self.features), np.float32)
        x += (self.shift * label)[..., None].astype(np.float32)  # [N, T, 1]
        return x, label

    def posterior(self, x: Features) -> Reals:
        """Shiryaev's recursion from the first step on, [N, T]."""
        evidence = self._evidence(x)
        log_odds = np.empty_like(evidence)
        last = np.full(len(x), -np.inf)  # no anomaly before the first step
        for t in range(self.length):
            last = self._advance(last, evidence[:, t])
            log_odds[:, t] = last
        return _sigmoid(log_odds)

    def best_accuracy(self, x: Features, label: Labels, receptive_field: int | None = None) -> Reals:
        """Share of right decisions of the Bayes rule on the drawn sequences, [T]."""
        seen = _steps_seen(self.length, receptive_field)
        posterior = self.posterior(x) if seen == self.length else self._posterior_of_last(x, seen)
        return np.asarray(((posterior >= 0.5) == label).mean(axis=0), np.float64)

    def _posterior_of_last(self, x: Features, seen: int) -> Reals:
        """P(label_t = 1 | the last `seen` steps), [N, T]: each step runs the recursion over its own window."""
        evidence = self._evidence(x)
        before = np.maximum(np.arange(1, self.length + 1) - seen, 0)  # [T], steps ahead of the window
        survived = before * np.log1p(-self.hazard)  # log of the probability of no onset among them
        with np.errstate(divide="ignore"):  # none ahead: no anomaly yet, log-odds of minus infinity
            log_odds = np.tile(np.log(-np.expm1(survived)) - survived, (len(x), 1))  # [N, T]
        for lag in reversed(range(seen)):
            log_odds[:, lag:] = self._advance(log_odds[:, lag:], evidence[:, : self.length - lag])
        return _sigmoid(log_odds)

    def _advance(self, log_odds: Reals, evidence: Reals) -> Reals:
        """One step of the recursion: the odds become (odds + hazard)/(1 - hazard) x likelihood ratio."""
        return np.asarray(np.logaddexp(log_odds, np.log(self.hazard)) - np.log1p(-self.hazard) + evidence, np.float64)

    def _evidence(self, x: Features) -> Reals:
        """Log-likelihood ratio of each step, [N, T]."""
        return np.asarray(self.shift * (x.sum(axis=-1, dtype=np.float64) - self.features * self.shift / 2), np.float64)


@final
class Ar(Synthetic):
    """An autoregressive series with a shift of the innovation at half of the steps, for forecasting.

    x_t = phi x_{t-1} + shift label_t + e_t, e_t ~ N(0, 1), labels independent with P = 1/2; x_{-1} is drawn from
    N(0, 1/(1 - phi^2)) and never shown. The best accuracy is Phi(shift/2), at the first step
    Phi(shift sqrt(1 - phi^2)/2). The bound is the same for every receptive field: two steps attain it, one step stays
    below. So does a forecaster that uses only the absolute residual: the signed residual x_t - phi x_{t-1} has the
    AUC Phi(shift/sqrt 2), 0.760 for shift 1, its absolute value 0.635.

    Raises `ConfigError` for a value out of range.

    >>> task = Ar(length=3)
    >>> task.best_accuracy(*task.draw(np.random.default_rng(1), 1)).round(3).tolist()
    [0.618, 0.691, 0.691]

    Source: Fox, Outliers in time series (1972), the innovational outlier.
    """

    kind: Literal["ar"] = "ar"
    """Name of the task."""
    phi: float = Field(0.8, gt=-1, lt=1)
    """Weight of the step before; above -1 and below 1."""
    shift: Effect = 1.0
    """Shift of the innovation at an anomalous step, in standard deviations of the innovation; 0 to 1000."""

    @property
    def features_count(self) -> int:
        """One."""
        return 1

    def draw(self, generator: np.random.Generator, count: int) -> tuple[Features, Labels]:
        """Labels first, then the hidden step, then the innovations."""
        label = generator.integers(0, 2, (count, self.length))
        last = generator.standard_normal(count) / np.sqrt(self._precision()[0])  # [N], x_{-1}
        x = generator.standard_normal((count, self.length)) + self.shift * label
        for t in range(self.length):
            x[:, t] += self.phi * last
            last = x[:, t]
        return x[..., None].astype(np.float32), label

    def posterior(self, x: Features) -> Reals:
        """The log-odds shift (residual - shift/2)/variance as a probability, [N, T]."""
        residual = x[..., 0].astype(np.float64)  # [N, T]
        residual[:, 1:] -= self.phi * x[:, :-1, 0].astype(np.float64)
        return _sigmoid(self.shift * self._precision() * (residual - self.shift / 2))

    def best_accuracy(self, x: Features, label: Labels, receptive_field: int | None = None) -> Reals:
        """Exact for any draw, [T], and attained from a receptive field of two steps on."""
        del x, label
        return _normal_cdf((receptive_field != 0) * self.shift * np.sqrt(self._precision()) / 2)

    def _precision(self) -> Reals:
        """1 over the variance of a step given its label and the steps shown before it, [T]."""
        precision = np.ones(self.length)
        precision[0] = (1 - self.phi) * (1 + self.phi)
        return precision


def _steps_seen(length: int, receptive_field: int | None) -> int:
    assert receptive_field is None or receptive_field >= 0
    return length if receptive_field is None else min(receptive_field, length)


class _Drawn(Source):
    """A synthetic task: the seed draws the training, validation and test sequences."""

    official_test = False
    digest = None

    def __init__(self, task: Synthetic) -> None:
        self.task, self.shape = task, (task.train, task.length)

    def parts(self, seed: int) -> Parts:
        drawn = self.task.sequences(numpy_generator(seed, "train"), self.task.train)
        train, validation = hold_out(drawn, 0.2, numpy_generator(seed, "split"))
        test = self.task.sequences(numpy_generator(seed, "test"), self.task.test)
        return Parts(train=train, validation=validation, test=test)

    def best_accuracy(self, test: Sequences, receptive_field: int | None) -> Reals | None:
        return self.task.best_accuracy(test.x, test.label, receptive_field)


def _normal_cdf(z: Reals) -> Reals:
    from scipy.special import ndtr  # here, so that this module is quick to import

    return np.asarray(ndtr(z), np.float64)


def _sigmoid(log_odds: Reals) -> Reals:
    from scipy.special import expit

    return np.asarray(expit(log_odds), np.float64)


SYNTHETIC: dict[str, type[Synthetic]] = {"drift": Drift, "evidence": Evidence, "onset": Onset, "ar": Ar}
