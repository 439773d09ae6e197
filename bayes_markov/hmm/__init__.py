r"""Hidden Markov chains in PyMC, the hidden path summed out, with labels.

.. math::
    A_{i\cdot} \sim \mathrm{Dirichlet}(\alpha_i), \qquad \theta_k \sim \text{prior}, \qquad
    p(x \mid A, \theta) = \sum_z \prod_t A_{z_{t-1} z_t}\, p(x_t \mid \theta_{z_t})

- `observations`: sequences of observations, with labels; `frames`: how a data frame becomes them
- `emissions`: what a state emits and the prior on its parameters, one of `categorical`, `gaussian`
  and `poisson`, with what they share in `emission`
- `likelihood`: the sum over all paths, and its gradient
- `models`: `hmm_model`; `starts`: where its chains start
- `selection`: maximum likelihood for several numbers of states; `table`: the estimates
- `fit`: `sample_hmm`; `relabelling`: names for states that the likelihood cannot tell apart
- `decoding`: the states behind the observations
- `verification`: PyMC against the recursions, with `likelihood_checks` on the likelihood alone
- `plots`: pictures
"""
