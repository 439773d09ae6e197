"""Simulate data sets like the observed one: the same sequences, a matrix of its own for each."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import analytic
from analytic.validate import Floats, Ints
from bayes_markov.counts import TransitionCounts
from bayes_markov.labels import MISSING_CODE, Label
from bayes_markov.predictive.statistics import Paths
from bayes_markov.sequences import as_sequences, encode

type Start = Literal["s0", "given"]


def as_paths(sequences: Iterable[Any], counts: TransitionCounts, start: Start) -> Paths:
    """Encode the sequences behind a table of counts; they must be the ones that were counted.

    With start="given", histories with s_0 are not compared, for nothing is drawn from them.
    """
    if start not in ("s0", "given"):
        raise ValueError(
            f'start must be "s0" (first states are drawn) or "given" (they are kept), got {start!r}'
        )
    states, order = counts.states, counts.order
    codes, _ = encode(as_sequences(sequences), states=states, missing="break")
    table = analytic.count_transitions(codes, len(states), order=order, missing=MISSING_CODE)
    compared = (slice(None if start == "s0" else 1, None),) * order
    if not np.array_equal(table[compared], counts.pooled[compared]):
        raise ValueError(
            f"sequences are not the data of the tree: they give {int(table[compared].sum()):,} "
            f"transitions, the tree was fitted to {counts.pooled[compared].sum():,g}, or to "
            f"others; pass the sequences that were counted"
        )
    if not any((path != MISSING_CODE).any() for path in codes):
        raise ValueError("sequences hold missing values only; there is nothing to replicate")
    return paths_of(codes, states, order)


def paths_of(codes: Sequence[Ints], states: tuple[Label, ...], order: int) -> Paths:
    """Put sequences end to end as one replicate, cut into stretches at missing values."""
    lengths = np.array([len(path) for path in codes])
    flat = np.concatenate(codes)
    position = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    early = 2 * (position + 1) <= np.repeat(lengths, lengths)
    known = flat != MISSING_CODE
    begins = known & ((position == 0) | ~np.append(False, known[:-1]))
    kept = np.flatnonzero(begins[known])
    return Paths(
        flat[known].astype(np.min_scalar_type(len(states) - 1))[None],
        np.diff(kept, append=np.count_nonzero(known)),
        position[begins] == 0,
        early[known],
        states,
        order,
    )


def simulate_like(
    A: Floats, paths: Paths, *, start: Start, rng: np.random.Generator
) -> NDArray[np.integer]:
    r"""Draw one replicate of the sequences from each matrix, all abreast, one step at a time.

    .. math:: z_t \sim \mathrm{Categorical}(A_{z_{t-k} \cdots z_{t-1} \cdot})

    A stretch that begins with its sequence is started at s_0. One that follows missing values
    keeps its first k states as they were observed, as the likelihood does, which has no factor
    for them; with start="given", so does every stretch.

    Parameters
    ----------
    A : ndarray
        Transition probabilities, shape (replicates, *history, K).
    paths : Paths
        The observed sequences, a single replicate.
    start : {"s0", "given"}
        Where sequences begin.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int
        Codes, shape (replicates, positions), of the dtype of ``paths.codes``.

    Examples
    --------
    >>> always = np.array([[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]])
    >>> observed = paths_of([np.array([0, 0, 1, 1]), np.array([0])], ("a", "b"), 1)
    >>> simulate_like(always, observed, start="s0", rng=np.random.default_rng(1))
    array([[1, 0, 1, 0, 1]], dtype=uint8)
    """
    order, n_states = paths.order, A.shape[-1]
    replicates, rows = len(A), (n_states + 1) ** order
    cumulative = A.reshape(replicates, rows, n_states).cumsum(axis=-1)
    cumulative /= cumulative[..., -1:]  # the last entry is 1 exactly, and a uniform is below it
    thresholds = [np.ascontiguousarray(cumulative[..., j]).ravel() for j in range(n_states - 1)]
    no_way_on = np.isnan(cumulative[..., 0]).ravel()
    own_matrix = np.arange(replicates) * rows

    longest_first = np.argsort(-paths.lengths, kind="stable")
    lengths, first = paths.lengths[longest_first], paths.first[longest_first]
    keeps = ~paths.starts[longest_first] | (start == "given")
    observed = paths.codes[0]
    drawn = np.empty((len(observed), replicates), dtype=observed.dtype)
    row = np.zeros((len(lengths), replicates), dtype=np.int64)
    for t in range(lengths[0]):
        active = np.searchsorted(-lengths, -t)
        row = row[:active]
        at, uniform = row + own_matrix, rng.random(row.shape)
        state = np.zeros(row.shape, dtype=observed.dtype)
        for threshold in thresholds:
            state += uniform >= threshold.take(at)
        kept = np.flatnonzero(keeps[:active] & (t < order))
        stuck = no_way_on.take(at)
        stuck[kept] = False
        if stuck.any():
            raise ValueError(
                f"a replicate came to a history that support leaves without a next state, at "
                f"step {t + 1}; give it one, or fit without support"
            )
        state[kept] = observed[first[kept] + t, None]
        drawn[first[:active] + t] = state
        row = (row * (n_states + 1) + state + 1) % rows
    return drawn.T
