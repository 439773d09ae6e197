"""What hmmlearn does with hidden chains, beside `analytic.hmm`.

uv run --group peers python benchmarks/comparison/with_hmmlearn.py
"""

import logging
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from hmmlearn.hmm import GMMHMM, CategoricalHMM, GaussianHMM, PoissonHMM
from same_data import error_of, say

import analytic
from analytic import hmm

say_ours = partial(say, "bayes_markov")
say = partial(say, f"hmmlearn {version('hmmlearn')}")
logging.disable(logging.WARNING)

P0 = np.array([0.5, 0.3, 0.2])
P = np.array([[0.7, 0.3, 0.0], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6]])
B = np.array([[0.7, 0.2, 0.1], [0.1, 0.7, 0.2], [0.2, 0.1, 0.7]])
A = np.vstack([P0, P])
Z = analytic.simulate(A, 500, rng=np.random.default_rng(1))
X = hmm.Categorical(B).sample(np.random.default_rng(2), Z)


def model(p: Any, transitions: Any, emission: Any, **options: Any) -> CategoricalHMM:
    """Make a model with parameters that are given."""
    made = CategoricalHMM(len(p), init_params="", **options)
    made.n_features = emission.shape[1]
    made.startprob_, made.transmat_, made.emissionprob_ = p.copy(), transitions.copy(), emission
    return made


def same_numbers() -> None:
    """Log-likelihood, smoothing, decoding."""
    theirs, log_emission = model(P0, P, B), hmm.log_emission(hmm.Categorical(B), X)
    ours = hmm.smooth(A, log_emission)
    say("log-likelihood", f"{theirs.score(X[:, None]):.10f}", f"{ours.log_likelihood:.10f}")
    smoothed = theirs.predict_proba(X[:, None])
    say("smoothed, largest difference", f"{abs(smoothed - ours.smoothed).max():.0e}")
    score, path = theirs.decode(X[:, None])
    best = hmm.viterbi(A, log_emission)
    say(
        "Viterbi: log-probability, states that differ",
        (round(score, 10), int((path != best.path).sum())),
        round(best.log_probability, 10),
    )
    one, two = X[:200], X[200:]
    each = hmm.log_likelihood(A, [hmm.log_emission(hmm.Categorical(B), x) for x in (one, two)])
    score = theirs.score(X[:, None], lengths=[200, 300])
    say("log-likelihood of two sequences", f"{score:.10f}", f"{each.sum():.10f}")


def zeros() -> None:
    """Zeros in the start, and rows that nobody leaves."""
    fitted = model(P0, P, B, n_iter=50).fit(X[:, None])
    say("a -> c was 0 at the start, after EM", fitted.transmat_[0, 2])
    ours = hmm.baum_welch(X, emission=hmm.Categorical(B), A=A)
    say_ours("a -> c was 0 at the start, after EM", ours.A[1, 2])
    start, seen = np.full((2, 2), 0.5), np.array([0, 0, 1])
    fitted = model(np.array([1.0, 0.0]), start, np.eye(2), n_iter=5, params="t")
    fitted.fit(seen[:, None])
    say("row of a state that is only seen last, after EM", fitted.transmat_[1], "undefined")
    say("its log-likelihood", error_of(lambda: fitted.score(seen[:, None])))
    from_one = np.vstack([[1.0, 0.0], start])
    ours = hmm.baum_welch(seen, emission=hmm.Categorical(np.eye(2)), A=from_one)
    kept = ours.convergence.kept_rows
    say_ours(f"the same, kept as it started and marked {kept}", ours.A[2])


def priors() -> None:
    """Dirichlet parameters below 1."""
    start = P + 0.1
    start /= start.sum(axis=1, keepdims=True)
    fitted = model(P0, start, B, n_iter=50, tol=-1.0, params="t", transmat_prior=0.5)
    fitted.fit(X[:60, None])
    zero = int((fitted.transmat_ == 0).sum())
    steps = np.diff(fitted.monitor_.history)
    came = f"{zero} of 9 probabilities are 0, smallest step of the objective {steps.min():.2g}"
    say("EM with alpha = 1/2", came, "there is no mode")
    ours = partial(hmm.baum_welch, X[:60], emission=hmm.Categorical(B), alpha=0.5)
    say_ours("EM with alpha = 1/2", error_of(lambda: ours(A=np.vstack([P0, start])).A))


def missing() -> None:
    """NaN among the observations."""
    y = np.concatenate([np.random.default_rng(3).normal(m, 1, 50) for m in (0, 5)])
    y[10] = np.nan
    say("NaN in the data", error_of(lambda: GaussianHMM(2).fit(y[:, None]).means_))
    found = hmm.baum_welch(
        y,
        emission=hmm.Gaussian([0, 1], [1, 1]),
        n_states=2,
        restarts=5,
        rng=np.random.default_rng(1),
    )
    say_ours("NaN in the data, means", np.sort(found.emission.mean).round(2))


def seeds() -> None:
    """The same seed, another seed, and the order of the states."""
    y = np.random.default_rng(0).poisson(np.repeat([1, 6], 50))[:, None]
    for seed in (1, 1, 2):
        fitted = PoissonHMM(2, random_state=seed, n_iter=50, tol=1e-6).fit(y)
        say(f"rates, random_state={seed}", fitted.lambdas_.ravel().round(4))
    for seed in (1, 1, 4):
        found = hmm.baum_welch(
            y[:, 0],
            emission=hmm.Poisson([1, 2]),
            n_states=2,
            restarts=1,
            rng=np.random.default_rng(seed),
        )
        say_ours(f"rates of baum_welch, seed {seed}", found.emission.rate.round(4))
    y = np.random.default_rng(4).multivariate_normal([0, 0], [[2, 1], [1, 2]], size=300)
    wide = GaussianHMM(1, covariance_type="full", random_state=0).fit(y)
    say("observations of two numbers, full covariance", wide.covars_[0].round(2).tolist())
    mixture = GMMHMM(1, n_mix=2, random_state=0).fit(np.concatenate([y, y + 9]))
    say("mixture of two in one state, weights", mixture.weights_.round(3).tolist())


if __name__ == "__main__":
    same_numbers()
    zeros()
    priors()
    missing()
    seeds()
