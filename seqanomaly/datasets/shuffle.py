"""Labels without meaning: permuted among the sequences, so that nothing links them to the features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqanomaly.datasets.sequences import Sequences


def shuffled_labels(sequences: Sequences, generator: np.random.Generator) -> Sequences:
    """The sequences with the labels of each step permuted among the sequences that have that step.

    Every step has an order of its own, so each step keeps its prevalence, and no sequence keeps its course.

    Source: the permutation test of a classifier (Ojala & Garriga, JMLR 2010).

    >>> s = Sequences.of([np.zeros((2, 1))] * 3 + [np.zeros((1, 1))], [[0, 1], [0, 1], [0, 1], [1]])
    >>> shuffled_labels(s, np.random.default_rng(0)).label.sum(axis=0).tolist()
    [1, 3]
    """
    if sequences.flat is not None:
        whole = replace(sequences, x=sequences.x[..., :0]).padded()
        return replace(sequences, label=shuffled_labels(whole, generator).label[whole.real][:, None])
    mask = sequences.mask
    keys = np.where(mask, generator.random(mask.shape), 2.0)  # [N, T]; steps that are not there come last
    takes_from = keys.argsort(axis=0, kind="stable")
    gives_to = (~mask).argsort(axis=0, kind="stable")
    label = np.empty_like(sequences.label)
    np.put_along_axis(label, gives_to, np.take_along_axis(sequences.label, takes_from, axis=0), axis=0)
    return replace(sequences, label=label)
