r"""The likelihood of hidden chains as one operation, its gradient by Fisher's identity.

.. math::
    \frac{\partial \log p(x)}{\partial \log A_{ij}} = E[n_{ij} \mid x], \qquad
    \frac{\partial \log p(x)}{\partial \log p(x_t \mid z_t = j)} = P(z_t = j \mid x),

every entry taken as free. Value and gradient come out of one pass forward and one backward, with
the loops of `analytic.hmm`; nothing is differentiated through time.

References
----------
.. [1] Cappé, O., Moulines, E. and Rydén, T. (2005). Inference in Hidden Markov Models, section
   10.1.3. Springer. Fisher's identity.
"""

import hashlib
import inspect
import sys
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, disconnected_type, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

from analytic.hmm.loops import LOOPS, compiled
from analytic.hmm.sequences import Joined
from analytic.hmm.smoothing import run_smooth

LOOP_NAMES = ("shift", "forward", "backward")
"""Loops of `analytic.hmm` that the operation is made of."""


class LogLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood of each sequence, with expected counts and smoothed probabilities.

    Inputs: log A, shape (K+1, K); log-emissions, shape (T, K), all sequences end to end; the
    number of the sequence of each row, 0, 0, ..., 1, 1, ..., shape (T,), int64. Outputs: the
    log-likelihoods (N,), the expected counts (N, K+1, K), and the smoothed probabilities (T, K).
    Only the first can be differentiated. Numbers that are no log-emissions (NaN, +inf), which an
    overflow of the sampler can cause, give -inf.
    """

    __props__ = ()

    def make_node(self, log_A: Any, log_emission: Any, sequence: Any) -> Apply:
        """Put the operation into a graph."""
        inputs = [
            pt.as_tensor(log_A, dtype="float64"),
            pt.as_tensor(log_emission, dtype="float64"),
            pt.as_tensor(sequence).astype("int64"),
        ]
        if [value.ndim for value in inputs] != [2, 2, 1]:
            raise ValueError(
                "log_A and log_emission must have two axes and sequence one, got "
                + ", ".join(str(value.ndim) for value in inputs)
            )
        outputs = [pt.dvector(), pt.dtensor3(), pt.dmatrix()]
        return Apply(self, inputs, outputs)

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        """Compute the outputs, where the graph is not compiled by Numba."""
        log_A, rows, sequence = (np.ascontiguousarray(value) for value in inputs)
        ends = np.searchsorted(sequence, np.arange(sequence[-1] + 1), side="right")
        overflow = not (rows < np.inf).all()
        joined = Joined(np.zeros_like(rows) if overflow else rows, ends, many=True)
        with np.errstate(under="ignore"):
            A = np.exp(log_A)
        log_likelihoods, smoothed, counts = run_smooth(A, joined, per_sequence=True)
        if overflow:
            log_likelihoods[:], counts[:], smoothed[:] = -np.inf, np.nan, np.nan
        for storage, value in zip(output_storage, (log_likelihoods, counts, smoothed), strict=True):
            storage[0] = value

    def infer_shape(self, node: Apply, shapes: Any) -> list[Any]:
        """Tell the shapes of the outputs."""
        of_A, of_emission, _ = shapes
        number = node.inputs[2][-1] + 1
        return [(number,), (number, *of_A), tuple(of_emission)]

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Carry a gradient with respect to the log-likelihoods back to the inputs."""
        _, _, sequence = inputs
        _, counts, smoothed = outputs
        weight, *others = cotangents
        if not all(isinstance(other.type, DisconnectedType) for other in others):
            return [grad_not_implemented(self, n, value) for n, value in enumerate(inputs)]
        return [
            (weight[:, None, None] * counts).sum(axis=0),
            weight[sequence][:, None] * smoothed,
            disconnected_type(),
        ]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Tell which outputs depend smoothly on which inputs."""
        return [[True, True, True], [True, True, True], [False, False, False]]


log_likelihood = LogLikelihood()
"""The operation itself."""


def _version() -> int:
    """Give a number that changes with the source of the loops: PyTensor keeps what it compiled."""
    functions = [_version, *(LOOPS[name][0] for name in LOOP_NAMES)]
    source = "".join(inspect.getsource(sys.modules[f.__module__]) for f in functions)
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[:6])


@register_funcify_default_op_cache_key(LogLikelihood)  # type: ignore[untyped-decorator]
def _compile_by_numba(op: LogLikelihood, **_: Any) -> Any:
    """Give PyTensor's Numba backend the loops themselves: it could only call back to Python."""
    shift, forward, backward = (compiled(name) for name in LOOP_NAMES)

    @numba_njit  # type: ignore[untyped-decorator]
    def smooth_joined(log_A: Any, log_emission: Any, sequence: Any) -> Any:
        log_A, log_emission = np.ascontiguousarray(log_A), np.ascontiguousarray(log_emission)
        length, n_states = log_emission.shape
        number = sequence[-1] + 1
        ends = np.zeros(number, dtype=np.int64)
        for t in range(length):
            ends[sequence[t]] = t + 1
        A = np.exp(log_A)
        emission, largest = np.empty((length, n_states)), np.empty(length)
        filtered, predicted = np.empty((length, n_states)), np.empty((length, n_states))
        log_likelihoods = np.zeros(number)
        counts = np.zeros((number, n_states + 1, n_states))
        if shift(log_emission, 0, emission, largest) >= 0:
            log_likelihoods[:] = -np.inf
        else:
            forward(
                A,
                log_A,
                ends,
                0,
                log_emission,
                0,
                np.exp(emission),
                largest,
                np.zeros(n_states),
                filtered,
                predicted,
                log_likelihoods,
            )
        backward(A, log_A, ends, log_likelihoods, filtered, predicted, counts)
        return log_likelihoods, counts, predicted

    return smooth_joined, _version()
