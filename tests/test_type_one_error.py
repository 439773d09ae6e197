"""How often each test rejects at 5 % under its hypothesis: chains of several lengths simulated.

The Monte Carlo p may reject in 5 % of the cases at most. The asymptotic p is measured beside it,
and is far off in the sparse ones.
"""

import numpy as np
import pytest

from analytic import (
    count_transitions,
    equality_test,
    homogeneity_test,
    independence_test,
    order_test,
    reversibility_test,
    specified_test,
)

pytestmark = pytest.mark.slow

LEVEL = 0.05
REPLICATES = 59

CHAIN = np.array([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.05, 0.15, 0.8]])
RARE = np.array([[0.9, 0.09, 0.01], [0.3, 0.3, 0.4], [0.01, 0.04, 0.95]])
STICKY = np.array([[0.97, 0.02, 0.01], [0.03, 0.96, 0.01], [0.02, 0.01, 0.97]])
FIRSTS = np.array([0.5, 0.2, 0.3])
# Balanced flows x_ij = x_ji, not the same for all pairs.
_FLOWS = np.array([[0.1, 0.15, 0.09], [0.15, 0.05, 0.12], [0.09, 0.12, 0.13]])
BALANCED = _FLOWS / _FLOWS.sum(axis=1, keepdims=True)


def simulate(P, length, rng, first=None):
    path = [rng.choice(3, p=FIRSTS) if first is None else first]
    cumulative = P.cumsum(axis=1)[:, :-1]
    for u in rng.random(length - 1):
        path.append((u >= cumulative[path[-1]]).sum())
    return np.array(path, dtype=np.int64)


def rejections(test, trials):
    """Shares of Monte Carlo and asymptotic p of at most 5 %, over chains under the hypothesis."""
    rng = np.random.default_rng(20261123)
    results = [test(rng) for _ in range(trials)]
    return (
        np.mean([result.p_monte_carlo <= LEVEL for result in results]),
        np.mean([result.p_G2 <= LEVEL for result in results]),
    )


def drawn(rng):
    return {"replicates": REPLICATES, "rng": rng}


def independent(rng):
    return independence_test(count_transitions(rng.choice(3, 25, p=FIRSTS), 3), **drawn(rng))


def first_order(rng):
    return order_test(
        count_transitions(simulate(CHAIN, 40, rng), 3, order=2), lower=1, higher=2, **drawn(rng)
    )


def first_order_s0(rng):
    return order_test(
        count_transitions([simulate(CHAIN, n, rng) for n in (9, 4, 22, 1, 13)], 3, order=2),
        lower=1,
        higher=2,
        start="s0",
        **drawn(rng),
    )


def first_order_against_third(rng):
    return order_test(
        count_transitions(simulate(CHAIN, 60, rng), 3, order=3), lower=1, higher=3, **drawn(rng)
    )


def circle_or_path(rng):
    """Without rows for s_0, whatever the ends happen to be."""
    table = count_transitions(simulate(CHAIN, 40, rng), 3, order=2)
    return order_test(table[1:, 1:], lower=1, higher=2, **drawn(rng))


def pooled_sequences(rng):
    """Many sequences without rows for s_0: the ends are not known."""
    paths = [rng.choice(3, 12, p=FIRSTS) for _ in range(12)]
    return independence_test(count_transitions(paths, 3)[1:], **drawn(rng))


def blocks(rng):
    path = simulate(CHAIN, 61, rng)
    cuts = [count_transitions(path[: 20 * b + 1], 3) for b in range(1, 4)]
    return homogeneity_test(np.diff(cuts, axis=0, prepend=np.zeros((1, 4, 3), int)), **drawn(rng))


def blocks_of_several(rng):
    """Short sequences that hardly move: all together could often be those of one."""
    paths = [simulate(STICKY, 4, rng) for _ in range(20)]
    cuts = [count_transitions([path[: 2 * b + 1] for path in paths], 3) for b in (1, 2)]
    tables = np.diff(cuts, axis=0, prepend=np.zeros((1, 4, 3), int))
    return homogeneity_test(tables, **drawn(rng))


def units(rng):
    paths = [simulate(CHAIN, n, rng, first=n % 3) for n in (12, 9, 7, 12, 15, 5)]
    return equality_test(np.array([count_transitions(p, 3) for p in paths]), **drawn(rng))


def short_units(rng):
    paths = [simulate(CHAIN, 5, rng, first=u % 3) for u in range(10)]
    return equality_test(np.array([count_transitions(p, 3) for p in paths]), **drawn(rng))


def units_of_one_transition(rng):
    """Two groups of pairs: dealing the exits is exact here."""
    groups = [[simulate(RARE, 2, rng) for _ in range(n)] for n in (30, 18)]
    tables = np.array([count_transitions(group, 3) for group in groups])
    return equality_test(tables[:, 1:], **drawn(rng))


def specified(rng):
    return specified_test(count_transitions(simulate(RARE, 30, rng), 3), RARE, **drawn(rng))


def specified_several(rng):
    paths = [simulate(CHAIN, n, rng) for n in (4, 17, 9, 10)]
    return specified_test(count_transitions(paths, 3), CHAIN, **drawn(rng))


def balanced(rng):
    return reversibility_test(count_transitions(simulate(BALANCED, 60, rng), 3), **drawn(rng))


def balanced_several(rng):
    paths = [simulate(BALANCED, n, rng) for n in (4, 17, 9, 10, 12, 3)]
    return reversibility_test(count_transitions(paths, 3), **drawn(rng))


TRIALS = {
    independent: 300,
    first_order: 400,
    first_order_s0: 400,
    first_order_against_third: 400,
    circle_or_path: 400,
    pooled_sequences: 200,
    blocks: 400,
    blocks_of_several: 400,
    units: 200,
    short_units: 200,
    units_of_one_transition: 400,
    specified: 400,
    specified_several: 400,
    balanced: 200,
    balanced_several: 100,
}
SPARSE = (blocks, units)


@pytest.mark.parametrize("test", TRIALS, ids=lambda test: test.__name__)
def test_rejections_at_five_percent(test):
    """The asymptotic p rejects too often where rows are left a few times per block or unit."""
    trials = TRIALS[test]
    limit = LEVEL + 4 * np.sqrt(LEVEL * (1 - LEVEL) / trials)
    monte_carlo, asymptotic = rejections(test, trials)
    assert monte_carlo <= limit
    if test in SPARSE:
        assert asymptotic > limit
