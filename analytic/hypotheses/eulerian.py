r"""Uniformly random Eulerian circuits of a directed multigraph.

A circuit uses every arc once. Looked at from its end, the last exits from the vertices other than
the start form a spanning tree directed to the start; given that tree, the remaining exits of every
vertex may come in any order. This is the BEST theorem [1]_ [2]_, and it says how to draw: a
uniformly random tree [3]_, the other exits shuffled, and the walk along them [4]_.

References
----------
.. [1] van Aardenne-Ehrenfest, T. and de Bruijn, N. G. (1951). Circuits and trees in oriented
   linear graphs. Simon Stevin 28, 203-217.
.. [2] Tutte, W. T. and Smith, C. A. B. (1941). On unicursal paths in a network of degree 4.
   American Mathematical Monthly 48, 233-237.
.. [3] Wilson, D. B. (1996). Generating random spanning trees more quickly than the cover time.
   Proceedings of the 28th ACM Symposium on the Theory of Computing, 296-303.
.. [4] Kandel, D., Matias, Y., Unger, R. and Winkler, P. (1996). Shuffling biological sequences.
   Discrete Applied Mathematics 71, 171-185.
"""

from typing import NamedTuple

import numpy as np

from analytic.validate import Ints


class Multigraph(NamedTuple):
    """Directed arcs with multiplicities, between vertices 0, ..., V-1.

    Every vertex is left as often as it is entered, and all can be reached from each.
    """

    source: Ints
    """Vertex that each kind of arc leaves, in ascending order."""

    target: Ints
    """Vertex that it enters."""

    times: Ints
    """How many arcs of the kind there are, at least one."""


def random_circuits(graph: Multigraph, start: int, rng: np.random.Generator, size: int) -> Ints:
    """Draw Eulerian circuits that begin and end at a vertex, all with the same probability.

    Circuits that visit the kinds of arcs in the same order count as one.

    Parameters
    ----------
    graph : Multigraph
        Balanced and connected.
    start : int
        The vertex where the circuits begin and end.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of int64
        Kinds of arcs in the order of the walk, shape (size, number of arcs).

    Examples
    --------
    Once around 0, 1 and twice around 0, 2, in any of three orders:

    >>> graph = Multigraph(*np.array([[0, 0, 1, 2], [1, 2, 0, 0], [1, 2, 1, 2]]))
    >>> random_circuits(graph, 0, np.random.default_rng(4), 2)
    array([[0, 2, 1, 3, 1, 3],
           [1, 3, 0, 2, 1, 3]])
    """
    exits, offset = _exit_orders(graph, start, rng, size)
    n_arcs, n_vertices = exits.shape[1], offset.size
    # One step of all walks at a time; flat indices are the fastest way to look up.
    flat_exits = exits.ravel()
    next_exit = (np.arange(size)[:, None] * n_arcs + offset).ravel()
    walk_of = np.arange(size) * n_vertices
    at = np.full(size, start, dtype=np.int64)
    kinds = np.empty((n_arcs, size), dtype=np.int64)
    for step in range(n_arcs):
        place = walk_of + at
        used = next_exit[place]
        next_exit[place] = used + 1
        kinds[step] = flat_exits[used]
        at = graph.target[kinds[step]]
    return kinds.T


def random_trees(graph: Multigraph, root: int, rng: np.random.Generator, size: int) -> Ints:
    """Draw spanning trees directed to a root, each arc of the multigraph being one of its own.

    Wilson's algorithm: from each vertex that is not yet in the tree, walk at random until the tree
    is met; the last exits of that walk join the tree.

    Parameters
    ----------
    graph : Multigraph
        The root can be reached from every vertex.
    root : int
        The vertex that all branches lead to.
    rng : numpy.random.Generator
        Source of randomness.
    size : int
        Number of draws.

    Returns
    -------
    ndarray of int64
        Kind of arc by which the tree leaves each vertex, shape (size, V); -1 at the root.

    Examples
    --------
    >>> graph = Multigraph(*np.array([[0, 1, 1, 2], [1, 0, 2, 1], [3, 3, 2, 2]]))
    >>> random_trees(graph, 0, np.random.default_rng(1), 1)
    array([[-1,  1,  3]])
    """
    kinds, cumulative = _walk_choices(graph)
    n_vertices = len(kinds)
    last_exit = np.full((size, n_vertices), -1, dtype=np.int64)
    in_tree = np.zeros((size, n_vertices), dtype=np.bool_)
    in_tree[:, root] = True
    for vertex in range(n_vertices):
        walking = np.flatnonzero(~in_tree[:, vertex])
        at = np.full(walking.size, vertex, dtype=np.int64)
        while walking.size:
            choice = rng.random(walking.size) * cumulative[at, -1]
            kind = kinds[at, (choice[:, None] >= cumulative[at]).sum(axis=1)]
            last_exit[walking, at] = kind
            at = graph.target[kind]
            outside = ~in_tree[walking, at]
            walking, at = walking[outside], at[outside]
        joining = np.flatnonzero(~in_tree[:, vertex])
        at = np.full(joining.size, vertex, dtype=np.int64)
        while joining.size:
            in_tree[joining, at] = True
            at = graph.target[last_exit[joining, at]]
            outside = ~in_tree[joining, at]
            joining, at = joining[outside], at[outside]
    return last_exit


def _walk_choices(graph: Multigraph) -> tuple[Ints, Ints]:
    """Kinds of arcs out of each vertex and their running total, padded to one width.

    Loops are left out: no tree has one, and the walk would only lose time on them.
    """
    proper = np.flatnonzero(graph.source != graph.target)
    n_vertices = int(graph.target.max()) + 1
    degree = np.bincount(graph.source[proper], minlength=n_vertices)
    place = np.arange(proper.size) - np.repeat(np.cumsum(degree) - degree, degree)
    kinds = np.full((n_vertices, max(1, int(degree.max()))), -1, dtype=np.int64)
    times = np.zeros(kinds.shape, dtype=np.int64)
    kinds[graph.source[proper], place] = proper
    times[graph.source[proper], place] = graph.times[proper]
    return kinds, np.cumsum(times, axis=1)


def _exit_orders(
    graph: Multigraph, start: int, rng: np.random.Generator, size: int
) -> tuple[Ints, Ints]:
    """Kinds of arcs in the order in which each vertex is left, and where each vertex begins."""
    tree = random_trees(graph, start, rng, size)
    n_vertices = tree.shape[1]
    order = np.repeat(np.arange(graph.source.size), graph.times)
    first_of_kind = np.cumsum(graph.times) - graph.times
    ends = np.searchsorted(graph.source[order], np.arange(n_vertices), side="right")
    offset = np.concatenate([[0], ends[:-1]])
    exits = np.tile(order, (size, 1))
    for vertex in range(n_vertices):
        block = slice(offset[vertex], ends[vertex])
        if vertex != start:
            last, taken = exits[:, ends[vertex] - 1].copy(), first_of_kind[tree[:, vertex]]
            exits[np.arange(size), taken] = last
            exits[:, ends[vertex] - 1] = tree[:, vertex]
            block = slice(offset[vertex], ends[vertex] - 1)
        exits[:, block] = rng.permuted(exits[:, block], axis=1)
    return exits, offset
