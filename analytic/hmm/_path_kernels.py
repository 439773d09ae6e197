"""The loops over time that give paths: the most probable one, and draws."""

import math
from typing import Any

import numpy as np

from analytic.hmm._kernels import SMALL


def best_path(
    log_A: Any,
    log_into: Any,
    ends: Any,
    log_emission: Any,
    best: Any,
    path: Any,
    log_probability: Any,
) -> int:
    """Find the most probable path, -1 throughout where none is possible.

    `best` is filled with the log-probabilities of the best beginnings, up to a constant in each
    row. Returns the first row of log-emissions with an entry that is NaN or +inf, or -1.
    """
    n_states = log_A.shape[1]
    for n in range(ends.size):
        begin = 0 if n == 0 else ends[n - 1]
        for t in range(begin, ends[n]):
            top = -np.inf
            for j in range(n_states):
                if not log_emission[t, j] < np.inf:
                    return t
                value = -np.inf
                if t == begin:
                    value = log_A[0, j]
                else:
                    for i in range(n_states):
                        way = best[t - 1, i] + log_into[j, i + 1]
                        if way > value:
                            value = way
                best[t, j] = value + log_emission[t, j]
                top = max(top, best[t, j])
            if abs(top) > 1000 and top > -np.inf:  # so that ties and small differences stay exact
                for j in range(n_states):
                    best[t, j] -= top
        total, part = 0.0, 0.0  # in parts, for less rounding
        state = -1
        for t in range(ends[n] - 1, begin - 1, -1):
            top, chosen = -np.inf, -1
            for i in range(n_states):
                value = best[t, i]
                if t + 1 < ends[n]:
                    value += -np.inf if state < 0 else log_A[i + 1, state]
                if value > top:
                    top, chosen = value, i
            if chosen < 0:
                part = -np.inf
            else:
                part += log_emission[t, chosen]
                if t + 1 < ends[n]:
                    part += log_A[chosen + 1, state]
                if t == begin:
                    part += log_A[0, chosen]
            if t % 1024 == 0:
                total, part = total + part, 0.0
            state = path[t] = chosen
        log_probability[n] = total + part
    return -1


def draw_paths(A: Any, ends: Any, filtered: Any, uniform: Any, paths: Any) -> None:
    """Draw the last state from its filtered law, then each state before from its law given it."""
    n_states = A.shape[1]
    weight = np.empty(n_states)
    for draw in range(paths.shape[0]):
        for n in range(ends.size):
            begin = 0 if n == 0 else ends[n - 1]
            for t in range(ends[n] - 1, begin - 1, -1):
                tagged, total, top = False, 0.0, -np.inf
                for i in range(n_states):
                    weight[i] = filtered[t, i]
                    tagged = tagged or weight[i] < 0
                    if t + 1 < ends[n]:
                        weight[i] *= A[i + 1, paths[draw, t + 1]]
                    total += weight[i]
                if tagged or total < SMALL:
                    for i in range(n_states):
                        value = filtered[t, i]
                        step = 1.0 if t + 1 == ends[n] else A[i + 1, paths[draw, t + 1]]
                        possible = value != 0 and step > 0
                        weight[i] = -np.inf
                        if possible:
                            weight[i] = (value if value < 0 else math.log(value)) + math.log(step)
                        top = max(top, weight[i])
                    total = 0.0
                    for i in range(n_states):
                        weight[i] = math.exp(weight[i] - top)
                        total += weight[i]
                threshold, below, chosen = uniform[draw, t] * total, 0.0, -1
                for i in range(n_states):
                    if weight[i] > 0 and below <= threshold:
                        chosen = i
                    below += weight[i]
                paths[draw, t] = chosen
