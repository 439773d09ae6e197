r"""Models in which the Dirichlet prior of the rows is learned.

Units have matrices of their own, drawn from a population whose parameters are unknown:

.. math::
    \theta \sim \text{hyperprior}, \qquad
    A^{(u)}_{i\cdot} \mid \theta \sim \mathrm{Dirichlet}\bigl(\alpha_i(\theta)\bigr), \qquad
    n^{(u)} \mid A^{(u)} \sim \text{Markov chain}

Given theta the matrices are Dirichlet again and are summed out: NUTS moves theta alone, by the
evidence of the counts, and the matrices are drawn exactly afterwards.

`populations` says what alpha is of theta, `evidence` sums the matrices out, `models` builds the
PyMC models, `fit` samples them, `new_units` predicts units not seen, `selection` compares with
full and no pooling, `plots` shows what is shrunk.
"""
