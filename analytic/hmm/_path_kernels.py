"""The loops over time that give paths: the most probable one, and draws."""

import math
from typing import Any

import numpy as np

from analytic.hmm._kernels import SMALL


def best_path(
    A: Any, ends: Any, log_emission: Any, came_from: Any, path: Any, log_probability: Any
) -> int:
    """Find the most probable path, -1 throughout where none is possible.

    `came_from` is filled with the state before, on the best way to each state at each time. Returns
    the first row of log-emissions with an entry that is NaN or +inf, or -1.
    """
    n_states = A.shape[1]
    log_A, log_into = np.empty(A.shape), np.empty((n_states, n_states))
    for j in range(n_states):
        for i in range(n_states + 1):
            log_A[i, j] = math.log(A[i, j]) if A[i, j] > 0 else -np.inf
            if i > 0:
                log_into[j, i - 1] = log_A[i, j]
    best, longer = np.empty(n_states), np.empty(n_states)  # of the ways, up to a constant
    for n in range(ends.size):
        begin = 0 if n == 0 else ends[n - 1]
        for t in range(begin, ends[n]):
            top = -np.inf
            for j in range(n_states):
                now = log_emission[t, j]
                if not now < np.inf:
                    return t
                chosen, value = -1, log_A[0, j]
                if t > begin:
                    chosen, value = 0, best[0] + log_into[j, 0]
                    for i in range(1, n_states):
                        way = best[i] + log_into[j, i]
                        chosen = i if way > value else chosen
                        value = max(value, way)
                came_from[t, j] = chosen
                longer[j] = value + now
                top = max(top, longer[j])
            if abs(top) > 1000 and top > -np.inf:  # so that ties and small differences stay exact
                for j in range(n_states):
                    longer[j] -= top
            best, longer = longer, best
        top, state = -np.inf, -1
        for j in range(n_states):
            if best[j] > top:
                top, state = best[j], j
        if state < 0:
            path[begin : ends[n]] = -1
            log_probability[n] = -np.inf
            continue
        total, seen, steps = 0.0, 0.0, 0.0  # in parts, for less rounding
        for t in range(ends[n] - 1, begin - 1, -1):
            path[t] = state
            before = came_from[t, state]
            seen += log_emission[t, state]
            steps += log_A[before + 1, state]
            state = before
            if t % 1024 == 0:
                total, seen, steps = total + (seen + steps), 0.0, 0.0
        log_probability[n] = total + (seen + steps)
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
