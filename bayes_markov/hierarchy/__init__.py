r"""Models in which the Dirichlet prior of the rows is learned.

Units have matrices of their own, drawn from a population whose parameters are unknown:

.. math::
    \theta \sim \text{hyperprior}, \qquad
    A^{(u)}_{i\cdot} \mid \theta \sim \mathrm{Dirichlet}\bigl(\alpha_i(\theta)\bigr), \qquad
    n^{(u)} \mid A^{(u)} \sim \text{Markov chain}

Given theta the matrices are Dirichlet again and are summed out: NUTS moves theta alone, by the
evidence of the counts, and the matrices are drawn exactly afterwards.

`populations` and `regression` say what alpha is of theta, `hyperpriors` what is believed of theta,
`evidence` sums the matrices out. `models` has the PyMC models, which `build` puts together from
these; `fit` samples them and `calibration` checks that. `units` takes one matrix out of many or
predicts a new one, `table` and `plots` show what was learned, `selection` compares with full and no
pooling. `covariates` reads what is known of each unit.
"""
