r"""Hidden Markov chains: the states are not seen, only something that depends on them.

The hidden path z_1, ..., z_T is a Markov chain with transition matrix A, started at z_0 = s_0.
At each time the state emits an observation x_t that depends on nothing else,

.. math:: P(x, z) = \prod_{t=1}^{T} A_{z_{t-1} z_t}\, P(x_t \mid z_t).

The functions take A, shape (K+1, K) with its s_0 row, and the array log_emission[t, j] =
log P(x_t | z_t = j), shape (T, K): any model of the observations gives such an array. Many
sequences, of any lengths, are a list of such arrays. The M-step of Baum-Welch is the count ratio
`analytic.mle` of the expected counts that `smooth` gives, or their `analytic.posterior_mode`.

- `filtering`: `forward`, `log_likelihood`, `predict`
- `smoothing`: `smooth`; `draws`: `sample_paths`; `decoding`: `viterbi`
- `emission`: what an emission is, missing observations, states that are partly known;
  `categorical`, `poisson`, `gaussian`: three of them
- `em`: `baum_welch`; `starts`: where it starts

References
----------
.. [1] Rabiner, L. R. (1989). A tutorial on hidden Markov models and selected applications in
   speech recognition. Proceedings of the IEEE 77, 257-286.
.. [2] Ramage, D. (2007). Hidden Markov Models Fundamentals. CS229 section notes, Stanford. Several
   of its formulas for hidden chains cannot be used as printed; the ones here are derived anew.
"""

from analytic.hmm.categorical import Categorical
from analytic.hmm.decoding import Viterbi, viterbi
from analytic.hmm.draws import sample_paths
from analytic.hmm.em import BaumWelch, Convergence, baum_welch
from analytic.hmm.emission import Emission, known_states, log_emission
from analytic.hmm.filtering import Forward, forward, log_likelihood, predict
from analytic.hmm.gaussian import Gaussian
from analytic.hmm.poisson import Poisson
from analytic.hmm.smoothing import Smooth, smooth
from analytic.hmm.starts import random_start

__all__ = [
    "BaumWelch",
    "Categorical",
    "Convergence",
    "Emission",
    "Forward",
    "Gaussian",
    "Poisson",
    "Smooth",
    "Viterbi",
    "baum_welch",
    "forward",
    "known_states",
    "log_emission",
    "log_likelihood",
    "predict",
    "random_start",
    "sample_paths",
    "smooth",
    "viterbi",
]
