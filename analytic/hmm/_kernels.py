"""The loops over time, in plain Python; `loops` hands them to Numba.

All sequences lie end to end, and sequence n stops before row `ends[n]`. Probabilities are scaled
at every step so that they sum to one. Sums of products of nonnegative numbers keep their relative
accuracy unless a term underflows; but a state that looks hopeless now may be the only one that
explains what comes later. So a number has two scales: **a probability below 1e-200 is held as its
logarithm**, which is negative, as no probability is; an impossible one is 0. Rows with such a
number are rare and are worked out in logarithms.
"""

import math
from typing import Any

import numpy as np

SMALL = 1e-200
"""Probabilities below this are held as logarithms."""

LOG_SMALL = math.log(SMALL)

RELIABLE = 1e-180
"""From here on, a sum of plain probabilities does not notice what is below `SMALL`."""

SELDOM = 1e-100
"""How small a number gets before it is scaled, where that can wait."""


def is_transition_matrix(A: Any, tolerance: float) -> bool:
    """Tell whether A has an s_0 row and a row for each state, all of them probabilities."""
    for i in range(A.shape[0]):
        total = 0.0
        for j in range(A.shape[1]):
            if not 0 <= A[i, j] <= 1:
                return False
            total += A[i, j]
        if abs(total - 1) > tolerance:
            return False
    return bool(A.shape[0] == A.shape[1] + 1 > 1)


def shift(log_emission: Any, start: int, shifted: Any, largest: Any) -> int:
    """Subtract the largest entry of each row in a block, so that no exponential overflows.

    Returns the first row with an entry that is NaN or +inf, or -1.
    """
    for row in range(largest.size):
        top = -np.inf
        for j in range(log_emission.shape[1]):
            value = log_emission[start + row, j]
            if not value < np.inf:
                return start + row
            top = max(top, value)
        largest[row] = top if top > -np.inf else 0.0
        for j in range(log_emission.shape[1]):
            shifted[row, j] = log_emission[start + row, j] - largest[row]
    return -1


def forward(
    A: Any,
    log_A: Any,
    ends: Any,
    n: int,
    log_emission: Any,
    start: int,
    emission: Any,
    largest: Any,
    last: Any,
    filtered: Any,
    predicted: Any,
    log_likelihood: Any,
) -> bool:
    """Filter a block of rows that begins in sequence `n`.

    `log_A` is the logarithm of A; `emission` and `largest` are what `shift` made of the block, with
    exponentials taken; `last` is the filtered row before the block, and then its last one. Where
    `predicted` is empty, `filtered` has the last row of each sequence only. From the first
    impossible row on, a sequence is NaN. Returns whether some number is held as a logarithm.
    """
    n_states = last.size
    kept = predicted.size > 0
    into = np.ascontiguousarray(A[1:].T)
    before, after = np.empty(n_states), np.empty(n_states)
    log_last, ways = np.empty(n_states), np.empty(n_states + 1)
    total, product = 0.0, 1.0
    tagged, some_tagged = False, False
    for j in range(n_states):
        tagged = tagged or last[j] < 0
    if tagged:
        for j in range(n_states):
            log_last[j] = -np.inf
            if last[j] != 0:
                log_last[j] = last[j] if last[j] < 0 else math.log(last[j])
    for row in range(largest.size):
        t = start + row
        begins = t == 0 or (n > 0 and t == ends[n - 1])
        finishes = t + 1 == ends[n] or row + 1 == largest.size

        # What is known before x_t is seen, and when it is.
        small = tagged and not begins
        seen = 0.0
        for j in range(n_states):
            value = 0.0
            if begins:
                value = A[0, j]
            elif tagged:
                for i in range(n_states):
                    value += max(last[i], 0.0) * into[j, i]
            else:
                for i in range(n_states):
                    value += last[i] * into[j, i]
            before[j] = value
            value *= emission[row, j]
            after[j] = value
            seen += value
            small = small or value < RELIABLE

        # The same with care, where something is so small, or impossible.
        underflow = False
        if small:
            for j in range(n_states):
                if before[j] >= RELIABLE:
                    continue
                top, value = -np.inf, 0.0
                for i in range(n_states + 1):
                    ways[i] = -np.inf
                    if (i == 0) == begins and A[i, j] > 0 and (i == 0 or last[i - 1] != 0):
                        ways[i] = log_A[i, j]
                        if i > 0:
                            ways[i] += log_last[i - 1] if tagged else math.log(last[i - 1])
                    top = max(top, ways[i])
                before[j] = 0.0
                if top > -np.inf:
                    for i in range(n_states + 1):
                        if ways[i] - top > -50:
                            value += math.exp(ways[i] - top)
                    value = top + math.log(value)
                    before[j] = math.exp(value) if value >= LOG_SMALL else value
                    some_tagged = some_tagged or before[j] < 0
            seen = 0.0
            for j in range(n_states):
                after[j] = before[j] * emission[row, j]
                seen += after[j]
                if after[j] < SMALL and before[j] != 0 and log_emission[t, j] > -np.inf:
                    underflow = True
                after[j] = max(after[j], 0.0)
        tagged = False
        if underflow:
            top = -np.inf
            for j in range(n_states):
                after[j] = -np.inf
                if before[j] != 0:
                    after[j] = before[j] if before[j] < 0 else math.log(before[j])
                    after[j] += log_emission[t, j]
                top = max(top, after[j])
            seen = 0.0
            for j in range(n_states):
                if after[j] - top > -50:
                    seen += math.exp(after[j] - top)
            top += math.log(seen)
            total += top
            for j in range(n_states):
                log_last[j] = after[j] - top
                if LOG_SMALL > log_last[j] > -np.inf:
                    tagged = some_tagged = True
                    last[j] = log_last[j]
                else:
                    last[j] = math.exp(log_last[j])
        elif seen > 0:
            total += largest[row]
            if kept or small or finishes or seen < SELDOM:
                product *= seen
                if product < SELDOM:  # a logarithm now and then, not at every step
                    total += math.log(product)
                    product = 1.0
                for j in range(n_states):
                    last[j] = after[j] / seen
            else:  # nobody looks at this row, so it need not sum to one
                for j in range(n_states):
                    last[j] = after[j]
        else:  # impossible, or it was before: then `seen` is NaN
            total = -np.inf
            for j in range(n_states):
                last[j] = np.nan

        if kept:
            for j in range(n_states):
                predicted[t, j] = before[j]
                filtered[t, j] = last[j]
        if finishes:
            if not kept:
                filtered[n, :] = last
            log_likelihood[n] += total + math.log(product)
            total, product = 0.0, 1.0
            if t + 1 == ends[n]:
                n += 1
    return some_tagged


def backward(
    A: Any,
    log_A: Any,
    ends: Any,
    log_likelihood: Any,
    filtered: Any,
    predicted: Any,
    counts: Any,
) -> None:
    """Smooth what `forward` filtered, in place of `predicted`, and count transitions.

    A step back is a transition too, with P(z_t = i | z_{t+1} = j, x_1, ..., x_t)
    = filtered_i A_ij / predicted_j. `counts` has one table for each sequence, or one for all.
    """
    n_states = A.shape[1]
    now, later = np.empty(n_states), np.empty(n_states)
    ahead, inverse = np.empty(n_states), np.empty(n_states)
    ratio, log_ahead = np.empty(n_states), np.empty(n_states)
    products = np.empty((n_states, n_states))
    for n in range(ends.size):
        m = min(n, counts.shape[0] - 1)
        begin = 0 if n == 0 else ends[n - 1]
        if log_likelihood[n] == -np.inf:
            for j in range(n_states):
                for t in range(begin, ends[n]):
                    predicted[t, j] = np.nan
                for i in range(n_states + 1):
                    counts[m, i, j] = np.nan
            continue
        for i in range(n_states):
            for j in range(n_states):
                products[i, j] = 0.0
        for t in range(ends[n] - 1, begin - 1, -1):
            possible, certain, tagged = 0, 0, False
            for i in range(n_states):
                if filtered[t, i] != 0:
                    possible += 1
                    certain = i
                tagged = tagged or filtered[t, i] < 0
            if t + 1 == ends[n]:
                for i in range(n_states):
                    value = filtered[t, i]
                    now[i] = math.exp(value) if value < 0 else value
            elif possible == 1:  # exact: a path that is known gives whole numbers
                for j in range(n_states):
                    counts[m, certain + 1, j] += now[j]
                    now[j] = 1.0 if j == certain else 0.0
            else:
                for j in range(n_states):
                    tagged = tagged or ahead[j] < 0
                    ratio[j] = now[j] * inverse[j]
                if tagged:
                    for j in range(n_states):
                        later[j], now[j] = now[j], 0.0
                        log_ahead[j] = ahead[j] if ahead[j] <= 0 else math.log(ahead[j])
                    for i in range(n_states):
                        law = filtered[t, i]
                        for j in range(n_states):
                            if law == 0 or A[i + 1, j] == 0 or later[j] == 0:
                                continue
                            if law > 0 and ahead[j] > 0:
                                value = law * A[i + 1, j] / ahead[j]
                            else:
                                value = law if law < 0 else math.log(law)
                                value = math.exp(value + log_A[i + 1, j] - log_ahead[j])
                            now[i] += value * later[j]
                            counts[m, i + 1, j] += value * later[j]
                else:
                    for i in range(n_states):
                        value = 0.0
                        for j in range(n_states):
                            value += A[i + 1, j] * ratio[j]
                        now[i] = filtered[t, i] * value
                        for j in range(n_states):
                            products[i, j] += filtered[t, i] * ratio[j]
            for i in range(n_states):
                ahead[i] = predicted[t, i]
                inverse[i] = 1.0 / ahead[i] if ahead[i] > 0 else 0.0  # now: nothing waits for it
                predicted[t, i] = now[i]
        for j in range(n_states):
            counts[m, 0, j] += now[j]
            for i in range(n_states):
                counts[m, i + 1, j] += A[i + 1, j] * products[i, j]
