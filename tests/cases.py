"""The chains that every test runs over: small, awkward, and none of them symmetric.

A case whose states could be swapped without a trace would hide an exchange of rows and columns,
so none of these tables is left as it is by a relabelling of its states.
"""

from dataclasses import dataclass

import numpy as np

from oracles import as_table, count_by_loop


@dataclass(frozen=True)
class Case:
    """A chain: its paths, or its table where a path would be too long to write down."""

    name: str
    paths: tuple[tuple[int, ...], ...] | None
    n_states: int
    truth: tuple[tuple[float, ...], ...] | None = None
    """Transition matrix (K+1, K) that could have made the data; the s_0 row comes first."""
    order: int = 1
    counts: tuple[tuple[int, ...], ...] | None = None
    """Table in place of `paths`."""

    def __str__(self):
        return self.name

    @property
    def table(self):
        """Counts, shape (K+1,) * order + (K,), by the slow counter."""
        if self.paths is None:
            return np.array(self.counts, dtype=np.int64)
        return as_table(count_by_loop(self.paths, self.order), self.n_states, self.order)

    @property
    def tables(self):
        """One table for each path."""
        counted = [count_by_loop([path], self.order) for path in self.paths]
        return np.array([as_table(counts, self.n_states, self.order) for counts in counted])

    @property
    def matrix(self):
        """The truth as an array."""
        return np.array(self.truth)


CASES = (
    # Ramage (2007), section 1.1.1: sun, cloud, rain, rain, cloud; s_0 row repaired to 1/3.
    Case(
        "weather",
        ((0, 1, 2, 2, 1),),
        3,
        ((1 / 3, 1 / 3, 1 / 3), (0.8, 0.1, 0.1), (0.2, 0.6, 0.2), (0.1, 0.2, 0.7)),
    ),
    Case(
        "absorbing",
        ((0, 1, 0, 0, 1, 2, 2, 2), (1, 1, 0, 1, 2, 2)),
        3,
        ((0.7, 0.3, 0.0), (0.4, 0.6, 0.0), (0.35, 0.25, 0.4), (0.0, 0.0, 1.0)),
    ),
    Case(
        "periodic",
        ((0, 1, 0, 2, 0, 1, 0, 1, 0), (2, 0, 1, 0)),
        3,
        ((0.6, 0.1, 0.3), (0.0, 0.7, 0.3), (1.0, 0.0, 0.0), (1.0, 0.0, 0.0)),
    ),
    # State 1 is declared and never seen: its row and its column are empty.
    Case(
        "unvisited row",
        ((0, 2, 2, 0, 2), (2, 2, 0, 0)),
        3,
        ((0.5, 0.1, 0.4), (0.3, 0.05, 0.65), (0.2, 0.7, 0.1), (0.55, 0.05, 0.4)),
    ),
    # State 2 ends the path and is nowhere else: visited once, left never.
    Case("last only", ((0, 1, 0, 0, 1, 2),), 3),
    Case("one state", ((0, 0, 0, 0),), 1, ((1.0,), (1.0,))),
    Case("length one", ((1,),), 2),
    Case(
        "ragged",
        (
            (0, 1, 1, 2, 0, 0, 1),
            (2,),
            (1, 2, 2, 2),
            (0, 0),
            (2, 1, 0, 2, 1),
            (0,),
            (1, 1, 2),
        ),
        3,
        ((0.5, 0.3, 0.2), (0.35, 0.45, 0.2), (0.15, 0.35, 0.5), (0.25, 0.4, 0.35)),
    ),
    Case(
        "zero cells",
        None,
        4,
        counts=((2, 0, 1, 0), (4, 0, 0, 9), (0, 3, 0, 5), (7, 0, 2, 0), (1, 6, 8, 0)),
    ),
    # As printed in papers, K x K: nothing is known of the first states.
    Case(
        "no start",
        None,
        2,
        ((0.4, 0.6), (0.3, 0.7), (0.8, 0.2)),
        counts=((0, 0), (3, 8), (5, 2)),
    ),
    # 10^6 transitions of one path that begins and ends in state 0.
    Case(
        "huge",
        None,
        3,
        ((0.9, 0.05, 0.05), (0.875, 0.124, 0.001), (0.9, 0.0, 0.1), (0.1, 0.0, 0.9)),
        counts=(
            (1, 0, 0),
            (700_000, 100_000, 1),
            (90_001, 0, 9_999),
            (10_000, 0, 89_998),
        ),
    ),
    Case("order zero", ((0, 2, 2, 1, 2), (2, 0)), 3, order=0),
    Case(
        "order two",
        ((0, 1, 2, 1, 1, 0, 2, 2, 1, 0, 0, 1, 2), (2, 1, 1, 0), (1,)),
        3,
        order=2,
    ),
)

FIRST_ORDER = tuple(case for case in CASES if case.order == 1)
WITH_PATHS = tuple(case for case in CASES if case.paths is not None)
WITH_TRUTH = tuple(case for case in CASES if case.truth is not None)
SMALL = tuple(case for case in CASES if case.table.sum() < 1000)
