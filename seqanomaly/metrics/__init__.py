"""Metrics of scored steps, by bucket and by step, and those of the benchmarks."""

from seqanomaly.metrics.nab import nab_score
from seqanomaly.metrics.tsb import benchmark

__all__ = ["benchmark", "nab_score"]
