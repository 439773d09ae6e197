"""Hidden chains by enumeration of all K^T paths, and the small ones that tests run over."""

import math
from dataclasses import dataclass

import numpy as np

from oracles import all_paths, as_table, count_by_loop, path_log_probability

INF = math.inf


@dataclass(frozen=True)
class Hidden:
    """A hidden chain: its matrix with the s_0 row, and the log-emissions of some sequences."""

    name: str
    A: tuple[tuple[float, ...], ...]
    sequences: tuple[tuple[tuple[float, ...], ...], ...]

    def __str__(self):
        return self.name

    @property
    def matrix(self):
        return np.array(self.A)

    @property
    def arrays(self):
        """Log-emissions, one array per sequence."""
        return [np.array(sequence) for sequence in self.sequences]


def log_weights(A, log_emission):
    """Every path with its log P(z, x)."""
    A = np.asarray(A)
    weights = {}
    for path in all_paths(A.shape[1], len(log_emission)):
        terms = [log_emission[t][state] for t, state in enumerate(path)]
        weights[path] = path_log_probability(A, path) + math.fsum(terms)
    return weights


def log_likelihood_by_paths(A, log_emission):
    """Add up the probabilities of all paths, the largest taken out."""
    weights = log_weights(A, log_emission)
    top = max(weights.values())
    if top == -INF:
        return -INF
    return top + math.log(math.fsum(math.exp(weight - top) for weight in weights.values()))


def path_law(A, log_emission):
    """P(z | x) for every path."""
    weights = log_weights(A, log_emission)
    total = log_likelihood_by_paths(A, log_emission)
    return {path: math.exp(weight - total) for path, weight in weights.items()}


def state_law(A, log_emission, t):
    """P(z_t | x); a path may be longer than what was seen of it."""
    law = path_law(A, log_emission)
    n_states = np.shape(A)[1]
    return [math.fsum(p for path, p in law.items() if path[t] == j) for j in range(n_states)]


def filtered_by_paths(A, log_emission):
    """P(z_t | x_1, ..., x_t), each from the paths of its own length."""
    return np.array([state_law(A, log_emission[: t + 1], t) for t in range(len(log_emission))])


def predicted_by_paths(A, log_emission, steps=1):
    """P(z_t | x_1, ..., x_{t-1}) and on: what was not seen yet has log-emission zero."""
    unseen = np.zeros((steps, np.shape(A)[1]))
    padded = np.vstack([log_emission, unseen])
    rows = [
        state_law(A, np.vstack([log_emission[:t], unseen[:1]]), t) for t in range(len(log_emission))
    ]
    future = [state_law(A, padded, len(log_emission) + h) for h in range(steps)]
    return np.array(rows), np.array(future)


def smoothed_by_paths(A, log_emission):
    """P(z_t | x_1, ..., x_T)."""
    return np.array([state_law(A, log_emission, t) for t in range(len(log_emission))])


def expected_counts_by_paths(A, log_emission):
    """Count each path, and weight its table by its probability."""
    n_states = np.shape(A)[1]
    table = np.zeros((n_states + 1, n_states))
    for path, probability in path_law(A, log_emission).items():
        table += probability * as_table(count_by_loop([path]), n_states)
    return table


def random_hidden(name, seed, K, lengths, *, spread=2.0, concentration=0.7):
    """Rows drawn apart from each other, so that nothing is symmetric or stationary."""
    rng = np.random.default_rng(seed)
    A = rng.dirichlet(np.full(K, concentration), size=K + 1)
    A /= A.sum(axis=1, keepdims=True)
    sequences = [rng.normal(-1.0, spread, size=(length, K)) for length in lengths]
    return Hidden(
        name,
        tuple(map(tuple, A.tolist())),
        tuple(tuple(map(tuple, s.tolist())) for s in sequences),
    )


HIDDEN = (
    random_hidden("two states", 1, 2, (5, 1, 3)),
    random_hidden("three states", 2, 3, (4, 3)),
    random_hidden("four states", 3, 4, (3,)),
    random_hidden("one state", 4, 1, (4, 1)),
    random_hidden("length one", 5, 3, (1,)),
    random_hidden("strong evidence", 6, 3, (4, 2), spread=40.0),
    Hidden(
        "all missing",
        ((0.5, 0.3, 0.2), (0.1, 0.6, 0.3), (0.25, 0.7, 0.05), (0.4, 0.2, 0.4)),
        (((0.0, 0.0, 0.0),) * 4,),
    ),
    Hidden(
        "zeros",
        ((0.6, 0.4, 0.0), (0.0, 0.7, 0.3), (0.2, 0.0, 0.8), (0.0, 1.0, 0.0)),
        (
            ((-1.0, -0.3, -2.0), (-INF, -0.5, 0.0), (-0.7, -INF, -1.5), (-0.1, -2.0, -0.4)),
            ((-INF, -3.0, -1.0), (-0.2, -0.1, -INF)),
        ),
    ),
    # What looks hopeless by e^-1000 at first is all that is left in the end.
    Hidden(
        "left to right",
        ((0.5, 0.3, 0.2), (0.6, 0.3, 0.1), (0.0, 0.8, 0.2), (0.0, 0.0, 1.0)),
        (
            ((-1000.0, 0.0, -2000.0), (0.0, -1500.0, -4000.0), (-5.0, 0.0, -1.0)),
            (
                (-900.0, -900.0, 0.0),
                (-3.0, -800.0, -2500.0),
                (-300.0, 0.0, -1.0),
                (0.0, -1.0, -2.0),
            ),
            ((-3.0, -700.0, 0.0), (0.0, -1.0, -INF)),
        ),
    ),
    Hidden(
        "tiny probabilities",
        ((1e-300, 1.0, 0.0), (0.3, 1e-250, 0.7), (1e-280, 1.0, 1e-308), (0.5, 1e-5, 0.49999)),
        (
            ((0.0, -900.0, 0.0), (-800.0, -1.0, -1.0), (-1.0, -900.0, -0.5)),
            ((-1.0, -2.0, -3.0), (-700.0, -700.0, 700.0), (0.0, -INF, 0.0), (-1.0, -2.0, -1.0)),
        ),
    ),
    # Steps of 1e-200 and less: sums of what is held as it is and of what is held as a logarithm.
    Hidden(
        "rare steps",
        ((0.5, 0.3, 0.2), (0.6, 0.4, 0.0), (1.5e-200, 1.0, 3e-250), (0.999, 0.001, 0.0)),
        (
            ((-461.2, 0.0, -INF), (0.0, -INF, -INF)),
            ((-2.0, 0.0, -1.0), (-INF, -INF, 0.0)),
            ((-INF, -185.0, 0.0), (-INF, -INF, 0.0)),
            ((0.0, 0.1, -500.0), (-INF, 0.0, -INF), (-1.0, 0.0, -2.0)),
        ),
    ),
    Hidden(
        "densities",
        ((0.7, 0.3), (0.9, 0.1), (0.35, 0.65)),
        (((800.0, 790.0), (1e5, 1e5 + 3.0), (-1e5, -1e5 - 2.0), (0.5, 1.5)),),
    ),
)
"""Every quantity is compared with enumeration over these."""

SEQUENCES = tuple((case, n) for case in HIDDEN for n in range(len(case.sequences)))
"""Each single sequence."""


def best_paths(A, log_emission):
    """The largest log-probability of a path, and every path that reaches it."""
    weights = log_weights(A, log_emission)
    top = max(weights.values())
    return top, [path for path, weight in weights.items() if weight >= top - 1e-9]
