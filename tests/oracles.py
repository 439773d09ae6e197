"""Slow and obviously right: what the fast code is compared with.

Nothing here is vectorised and nothing is shared with the code under test. Histories are written
as in a table: 0 is s_0, i + 1 is state i. Next states are plain codes 0, ..., K-1.
"""

import itertools
import math

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq

START = None
"""What stands before the first state of a path; no integer, so no code can collide with it."""


def count_by_loop(paths, order=1, missing=None):
    """Transitions of all paths, as a dict {(history..., next state): count}."""
    counts = {}
    for path in paths:
        for t in range(len(path)):
            window = [path[t - lag] if t >= lag else START for lag in range(order, -1, -1)]
            if missing is not None and missing in window:
                continue
            history = [0 if state is START else int(state) + 1 for state in window[:-1]]
            key = (*history, int(window[-1]))
            counts[key] = counts.get(key, 0) + 1
    return counts


def as_table(counts, n_states, order=1):
    """Write a dict of counts into an array."""
    table = np.zeros((n_states + 1,) * order + (n_states,), dtype=np.int64)
    for index, count in counts.items():
        table[index] = count
    return table


def all_paths(n_states, length):
    """Every path of a length, K^T of them."""
    return list(itertools.product(range(n_states), repeat=length))


def relabel_paths(paths, new_code):
    """State i of every path becomes new_code[i]."""
    return [[new_code[state] for state in path] for path in paths]


def relabel_table(table, new_code, order=1):
    """Move every cell of a table to where its states' new codes are; s_0 stays."""
    table = np.asarray(table)
    moved = np.empty_like(table)
    for index in np.ndindex(table.shape):
        batch, history, state = index[: -order - 1], index[-order - 1 : -1], index[-1]
        target = [0 if past == 0 else new_code[past - 1] + 1 for past in history]
        moved[(*batch, *target, new_code[state])] = table[index]
    return moved


def path_log_probability(A, path):
    """Sum the log of one probability after the other, the step out of s_0 first."""
    A = np.asarray(A)
    history = [0] * (A.ndim - 1)
    total = 0.0
    for state in path:
        probability = A[(*history, state)]
        total += -math.inf if probability == 0 else math.log(probability)
        history = [*history, state + 1][1:]
    return total


def transitions_of(table):
    """Every single transition of a table, as a list of indices."""
    return [index for index in np.ndindex(table.shape) for _ in range(int(table[index]))]


def sequential_log_evidence(transitions, alpha, counts=None):
    """Predict one transition after the other from those before it, and add the logs.

    `alpha` has the shape of the table; `counts` is what was seen before the first transition.
    """
    seen = np.zeros(alpha.shape) if counts is None else np.array(counts, dtype=float)
    total = 0.0
    for index in transitions:
        row = index[:-1]
        total += math.log(seen[index] + alpha[index])
        total -= math.log(sum(seen[row]) + sum(alpha[row]))
        seen[index] += 1
    return total


def log_evidence_by_integral(table, alpha):
    """Integrate the likelihood over the prior, row by row; two states only."""
    total = 0.0
    for (n, m), (a, b) in zip(table.reshape(-1, 2), alpha.reshape(-1, 2), strict=True):
        norm = math.gamma(a + b) / (math.gamma(a) * math.gamma(b))
        value, _ = quad(
            lambda p, n=n, m=m, a=a, b=b: p ** (n + a - 1) * (1 - p) ** (m + b - 1), 0, 1
        )
        total += math.log(norm * value)
    return total


def loo_transitions_by_removal(table, alpha):
    """Take out each transition in turn and predict it; one log per transition."""
    logs = []
    for index in transitions_of(table):
        rest = np.array(table)
        rest[index] -= 1
        logs.append(sequential_log_evidence([index], alpha, rest))
    return np.array(logs)


def loo_units_by_removal(tables, alpha):
    """Take out each unit in turn and predict all of its transitions; one log per unit."""
    logs = []
    for unit in range(len(tables)):
        rest = sum(
            (tables[other] for other in range(len(tables)) if other != unit), np.zeros(alpha.shape)
        )
        logs.append(sequential_log_evidence(transitions_of(tables[unit]), alpha, rest))
    return np.array(logs)


def reachable(P, source):
    """States that can be reached from one, itself included, by following every arrow."""
    found, waiting = {source}, [source]
    while waiting:
        state = waiting.pop()
        for following, probability in enumerate(P[state]):
            if probability > 0 and following not in found:
                found.add(following)
                waiting.append(following)
    return found


def irreducible(P):
    """Every state reaches all."""
    return all(len(reachable(P, state)) == len(P) for state in range(len(P)))


def beta_cdf(x, a, b):
    """Integrate the Beta density up to x, from the nearer end; a and b at least 1."""
    norm = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))

    def density(p):
        return norm * p ** (a - 1) * (1 - p) ** (b - 1)

    peak = (a - 1) / (a + b - 2) if a + b > 2 else 0.5
    if x <= peak:
        return quad(density, 0, x, epsabs=1e-13, epsrel=1e-12)[0]
    return 1 - quad(density, x, 1, epsabs=1e-13, epsrel=1e-12)[0]


def beta_quantile(tail, a, b):
    """Where the integrated density reaches `tail`."""
    return brentq(lambda x: beta_cdf(x, a, b) - tail, 0, 1, xtol=1e-12)


def narrowest_interval(quantile, prob, steps=20_001):
    """Slide an interval of content `prob` from one end to the other; keep the narrowest."""
    tails = np.linspace(0, 1 - prob, steps)
    low, high = quantile(tails), quantile(np.minimum(tails + prob, 1))
    best = np.argmin(high - low)
    return low[best], high[best]


def two_way_statistics(strata):
    """G2, X2 and degrees of freedom of independence, from {stratum: {(row, column): count}}."""
    G2 = X2 = 0.0
    df = 0
    for cells in strata.values():
        rows, columns = {}, {}
        for (row, column), count in cells.items():
            if count:
                rows[row] = rows.get(row, 0) + count
                columns[column] = columns.get(column, 0) + count
        for row in rows:
            for column in columns:
                expected = rows[row] * columns[column] / sum(rows.values())
                count = cells.get((row, column), 0)
                X2 += (count - expected) ** 2 / expected
                G2 += 2 * count * math.log(count / expected) if count else 0.0
        if rows:
            df += (len(rows) - 1) * (len(columns) - 1)
    return G2, X2, df


def order_statistics(table, lower, higher, with_start):
    """G2, X2 and degrees of freedom of one order against another, cell by cell.

    `table` has rows for s_0 and may be of an order above `higher`; transitions whose history in it
    holds s_0 count only `with_start`.
    """
    strata = {}
    for index in np.ndindex(table.shape):
        history, state = index[:-1], index[-1]
        if table[index] == 0 or (0 in history and not with_start):
            continue
        used = history[len(history) - higher :]
        older, recent = used[: higher - lower], used[higher - lower :]
        cells = strata.setdefault(recent, {})
        cells[older, state] = cells.get((older, state), 0) + table[index]
    return two_way_statistics(strata)


def cyclic_counts(word, order):
    """Transitions of a word that is closed to a circle: {(history..., next state): count}."""
    counts = {}
    for t in range(len(word)):
        window = tuple(word[(t - lag) % len(word)] for lag in range(order, -1, -1))
        counts[window] = counts.get(window, 0) + 1
    return counts


def words_in_pieces(n_states, length, pieces):
    """Every list of a number of words, none empty, with that many letters together."""
    for word in all_paths(n_states, length):
        for cuts in itertools.combinations(range(1, length), pieces - 1):
            places = [0, *cuts, length]
            yield [word[a:b] for a, b in itertools.pairwise(places)]


def spanning_trees(source, target, times, root):
    """Every spanning tree directed to a root: {its arc out of each other vertex: its number}.

    Arcs of one kind are told apart, so a tree has as many versions as the product of `times`.
    """
    others = sorted(set(source) - {root})
    found = {}
    for arcs in itertools.product(*[[k for k, s in enumerate(source) if s == v] for v in others]):
        leads_to = {v: target[k] for v, k in zip(others, arcs, strict=True)}

        def reaches_root(vertex, leads_to=leads_to):
            for _ in range(len(leads_to) + 1):
                if vertex == root:
                    return True
                vertex = leads_to[vertex]
            return False

        if all(reaches_root(vertex) for vertex in others):
            found[arcs] = math.prod(times[k] for k in arcs)
    return found
