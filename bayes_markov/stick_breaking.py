r"""Coordinates in which NUTS moves the rows: a stick of length one, broken again and again.

.. math::
    z_k = \operatorname{logit}^{-1}\bigl(y_k - \log(K - k)\bigr), \qquad
    A_k = z_k \prod_{l < k} (1 - z_l), \qquad k = 1, \dots, K - 1,

and the last probability is what is left. The offset puts y = 0 at the uniform row. The Jacobian is

.. math:: \prod_{k<K} z_k (1 - z_k) \prod_{l<k} (1 - z_l) = \prod_{k \le K} A_k,

the same as in softmax coordinates, so a posterior mode that is taken with it is the posterior mean.

References
----------
.. [1] Betancourt, M. (2012). Cruising the simplex: Hamiltonian Monte Carlo and the Dirichlet
   distribution. AIP Conference Proceedings 1443, 157-164.
"""

from typing import Any

import pytensor.tensor as pt
from pymc.logprob.transforms import Transform


class StickBreaking(Transform):  # type: ignore[misc]
    """Bijection between rows that sum to one, (..., K), and free numbers, (..., K-1)."""

    name = "sticks"  # without an underscore: PyMC takes names apart at them
    ndim_supp = 1

    def forward(self, value: Any, *inputs: Any) -> Any:
        """Coordinates of rows."""
        # What is left, summed from the end: subtracting from one would lose small numbers.
        left = pt.cumsum(value[..., ::-1], axis=-1)[..., ::-1]
        first = value[..., :-1]
        return pt.log(first) - pt.log(left[..., 1:]) + _offset(first)

    def backward(self, value: Any, *inputs: Any) -> Any:
        """Rows at some coordinates."""
        return pt.exp(_log_rows(value))

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Logarithm of the Jacobian, one for each row."""
        return _log_rows(value).sum(axis=-1)


def _log_rows(y: Any) -> Any:
    """Logarithms of the probabilities."""
    x = y - _offset(y)
    zero = pt.zeros_like(x[..., :1])
    broken = pt.concatenate([-pt.softplus(-x), zero], axis=-1)
    left = pt.concatenate([zero, pt.cumsum(-pt.softplus(x), axis=-1)], axis=-1)
    return broken + left


def _offset(y: Any) -> Any:
    """Numbers log(K - k), which put the uniform row at 0."""
    return pt.log(y.shape[-1] - pt.arange(y.shape[-1]))
