"""What a study is to do: truths, lengths, replicates, seed, and the rules under study."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from analytic import DirichletRows
from analytic.validate import Floats, as_stochastic, check_integer
from bayes_markov._version import __version__
from bayes_markov.labels import as_states
from bayes_markov.study.identity import identity

BLOCKS = 16
"""Cells that the replicates of a truth are cut into, at least: something to do for each worker,
and little to lose when a study is killed."""

NUMBERS_AT_ONCE = 2**18
"""Counts that a cell holds for each length, at most: its memory does not grow with the study."""


@dataclass(frozen=True, eq=False)
class Truth:
    """One matrix, several, or a prior to draw a matrix from for every replicate.

    Parameters
    ----------
    matrices : ndarray, optional
        Shape (truths, K+1, K); read-only.
    prior : DirichletRows, optional
        Of shape (K+1, K).
    several : bool
        Several matrices were given, even if their number is one.
    """

    matrices: Floats | None
    prior: DirichletRows | None
    several: bool

    @property
    def number(self) -> int:
        """How many truths there are; a prior is one."""
        return 1 if self.matrices is None else len(self.matrices)

    @property
    def n_states(self) -> int:
        """K, the number of states."""
        return int(self.values.shape[-1])

    @property
    def values(self) -> Floats:
        """The numbers that were given: matrices, or parameters of the prior."""
        if self.matrices is not None:
            return self.matrices
        assert self.prior is not None
        return self.prior.alpha

    def draw(self, number: int, size: int, rng: np.random.Generator) -> Floats:
        """Give a matrix, (K+1, K), or one drawn for each replicate, (size, K+1, K); read-only."""
        if self.matrices is not None:
            return np.asarray(self.matrices[number])
        assert self.prior is not None
        drawn = self.prior.sample(rng, size=size)
        drawn.flags.writeable = False
        return drawn


@dataclass(frozen=True, eq=False)
class Plan:
    """A study, in full but for what is measured.

    Parameters
    ----------
    truth : Truth
        What the paths are drawn from.
    lengths : tuple of int
        Lengths of the paths, increasing.
    replicates : int
        Number of paths for each truth.
    seed : int
        Seed of everything.
    rules : dict of callable
        Estimators or intervals, by name.
    states : tuple of str
        Labels of the states.
    """

    truth: Truth
    lengths: tuple[int, ...]
    replicates: int
    seed: int
    rules: dict[str, Callable[..., Any]]
    states: tuple[str, ...]

    @property
    def block(self) -> int:
        """Replicates of a cell. It depends on the study alone, so the numbers do too."""
        counts = self.truth.n_states * (self.truth.n_states + 1)
        return max(1, min(-(-self.replicates // BLOCKS), NUMBERS_AT_ONCE // counts))

    @property
    def cells(self) -> list[tuple[int, int]]:
        """All cells, (truth, block of replicates), in the order in which they are added up."""
        blocks = -(-self.replicates // self.block)
        return [(truth, block) for truth in range(self.truth.number) for block in range(blocks)]

    def size(self, cell: tuple[int, ...]) -> int:
        """Replicates of one cell; the last of a truth may have fewer."""
        return min(self.block, self.replicates - cell[1] * self.block)

    def rng(self, *key: int) -> np.random.Generator:
        """Random numbers of a cell, and of a purpose within it: independent of all others."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def description(self, **others: Any) -> dict[str, Any]:
        """Everything that the numbers depend on, for a checkpoint."""
        values = self.truth.values
        kind = "matrices" if self.truth.prior is None else "prior"
        return {
            "truth": f"{kind} {values.shape} {hashlib.sha256(values.tobytes()).hexdigest()}",
            "lengths": self.lengths,
            "replicates": self.replicates,
            "block": self.block,
            "seed": self.seed,
            "rules": [[name, identity(rule)] for name, rule in self.rules.items()],
            "bayes_markov": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            **others,
        }


def as_truth(truth: ArrayLike | DirichletRows) -> Truth:
    """Take one matrix with its s_0 row, several of one shape, or a prior.

    Raises
    ------
    ValueError
        No transition matrix, or matrices or a prior of a shape that does not fit.
    """
    if isinstance(truth, DirichletRows):
        _check_shape("the prior's alpha", truth.alpha.shape[-2:], truth.alpha.ndim == 2)
        if not truth.possible.any(axis=-1).all():
            row = int(np.argmin(truth.possible.any(axis=-1)))
            raise ValueError(f"row {row} of the prior has no possible transition; give it one")
        return Truth(None, truth, False)
    matrices = as_stochastic(truth, "truth")
    _check_shape("truth", matrices.shape[-2:], matrices.ndim in (2, 3) and matrices.shape[0] > 0)
    matrices = matrices / matrices.sum(axis=-1, keepdims=True)
    matrices.flags.writeable = False
    return Truth(matrices.reshape(-1, *matrices.shape[-2:]), None, matrices.ndim == 3)


def _check_shape(name: str, shape: tuple[int, ...], right_axes: bool) -> None:
    """Refuse what is not (K+1, K)."""
    if not right_axes or shape[0] != shape[1] + 1:
        hint = "; add the s_0 row" if right_axes and shape[0] == shape[1] else ""
        raise ValueError(
            f"{name} must have shape (K+1, K), or be several matrices of one such shape, got "
            f"{shape} on its last axes{hint}"
        )


def make_plan(
    truth: ArrayLike | DirichletRows,
    lengths: Iterable[int],
    replicates: int,
    seed: int,
    rules: dict[str, Callable[..., Any]],
    states: Iterable[Any] | None = None,
) -> Plan:
    """Check the parts of a study.

    Raises
    ------
    ValueError
        A bad truth, length, number of replicates or seed, or labels that do not fit.
    """
    listed = list(lengths)
    for length in listed:
        check_integer("lengths", length, 1)
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"lengths must be different and at least one, got {listed}")
    check_integer("replicates", replicates, 2)
    check_integer("seed", seed, 0)
    ordered = tuple(sorted(int(length) for length in listed))
    known = as_truth(truth)
    labels = as_states([f"s{k + 1}" for k in range(known.n_states)] if states is None else states)
    if len(labels) != known.n_states:
        raise ValueError(f"states has {len(labels)} labels, but truth has {known.n_states} states")
    return Plan(known, ordered, int(replicates), int(seed), rules, tuple(map(str, labels)))
