# /// script
# requires-python = ">=3.13"
# dependencies = ["bayes_markov", "dynamax>=1.0", "hmmlearn>=0.3.3"]
#
# [tool.uv.sources]
# bayes_markov = { path = ".." }
# ///
"""Hidden chains against dynamax (JAX on the processor) and hmmlearn, all in one run.

    uv run --script benchmarks/hidden_peers.py [loops] [gradient]

`loops`: log-likelihood, smoothing with expected counts, and Viterbi, at known log-emissions. What
is timed of hmmlearn are its compiled loops alone, and of dynamax its functions, compiled by JAX
before, in double precision as the others; the first call with a shape, which compiles, is in a
column of its own. The results are compared before anything is timed. `gradient`: value and
gradient of the PyMC model, against pymc-extras, which runs in an environment of its own.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SIZES = [(K, 10**power) for K in (3, 10) for power in (3, 4, 5, 6)]

type Tasks = dict[str, Callable[[], Any]]


def shortest(works: Tasks, repeats: int) -> dict[str, float]:
    """Shortest time of each of several works, done in turn."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def ours(A: np.ndarray, log_emission: np.ndarray) -> Tasks:
    """Functions of this project."""
    from analytic import hmm

    return {
        "log-likelihood": lambda: hmm.log_likelihood(A, log_emission),
        "smoothing": lambda: hmm.smooth(A, log_emission),
        "Viterbi": lambda: hmm.viterbi(A, log_emission),
    }


def of_hmmlearn(A: np.ndarray, log_emission: np.ndarray) -> Tasks:
    """Compiled loops of hmmlearn, without the checks around them."""
    from hmmlearn import _hmmc

    p, P = A[0].copy(), A[1:].copy()

    def smooth() -> Any:
        likelihood = np.exp(log_emission)
        value, before, scaling = _hmmc.forward_scaling(p, P, likelihood)
        after = _hmmc.backward_scaling(p, P, likelihood, scaling)
        smoothed = before * after
        smoothed /= smoothed.sum(axis=1, keepdims=True)
        counts = _hmmc.compute_scaling_xi_sum(before, P, after, likelihood)
        return value, smoothed, counts

    return {
        "log-likelihood": lambda: _hmmc.forward_scaling(p, P, np.exp(log_emission))[0],
        "smoothing": smooth,
        "Viterbi": lambda: _hmmc.viterbi(p, P, log_emission),
    }


def of_dynamax(A: np.ndarray, log_emission: np.ndarray) -> Tasks:
    """Functions of dynamax, compiled, with the data where JAX wants them."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from dynamax.hidden_markov_model import inference

    given = [jax.numpy.asarray(value) for value in (A[0], A[1:], log_emission)]

    def smooth(*values: Any) -> Any:
        found = inference.hmm_smoother(*values)
        return found.marginal_loglik, found.smoothed_probs, found.trans_probs

    def ready(function: Callable[..., Any]) -> Callable[[], Any]:
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*given))

    return {
        "log-likelihood": ready(lambda *values: inference.hmm_filter(*values).marginal_loglik),
        "smoothing": ready(smooth),
        "Viterbi": ready(inference.hmm_posterior_mode),
    }


def check(task: str, data: tuple[Any, Any], mine: Any, hmmlearn: Any, dynamax: Any) -> None:
    """Stop if the results differ; paths may, where they are equally probable."""
    same = partial(np.testing.assert_allclose, rtol=1e-8, atol=1e-8)
    if task == "log-likelihood":
        same(hmmlearn, mine)
        same(dynamax, mine)
    elif task == "Viterbi":
        A, log_emission = data
        for path in (mine.path, hmmlearn[1], np.asarray(dynamax)):
            steps = np.log(A[np.concatenate(([0], path[:-1] + 1)), path])
            total = steps.sum() + log_emission[np.arange(path.size), path].sum()
            same(total, mine.log_probability)
    else:
        for value, smoothed, _ in (hmmlearn, dynamax):
            same(value, mine.log_likelihood)
            same(np.asarray(smoothed), mine.smoothed)
        same(hmmlearn[2], mine.expected_counts[1:])
        same(np.asarray(dynamax[2]), mine.expected_counts[1:])


def loops() -> None:
    """Measure the loops over time."""
    print("task              K          T       ours  hmmlearn  ratio   dynamax  ratio  1st call")
    for K, T in SIZES:
        rng = np.random.default_rng(6)
        A = rng.dirichlet(np.full(K, 2.0), size=K + 1)
        B = rng.dirichlet(np.ones(5), size=K)
        log_emission = np.ascontiguousarray(np.log(B).T[rng.integers(0, 5, size=T)])
        works = [make(A, log_emission) for make in (ours, of_hmmlearn, of_dynamax)]
        for task in works[0]:
            started = time.perf_counter()
            results = [works[2][task]()]
            first = time.perf_counter() - started
            check(task, (A, log_emission), works[0][task](), works[1][task](), results[0])
            names = ("ours", "hmmlearn", "dynamax")
            repeats = {10**3: 300, 10**4: 60, 10**5: 15, 10**6: 5}[T]
            best = shortest(
                {name: work[task] for name, work in zip(names, works, strict=True)}, repeats
            )
            mine, theirs, jax = (best[name] for name in names)
            print(
                f"{task:<15} {K:>3} {T:>10,} {unit(mine)} {unit(theirs)} {theirs / mine:>6.2f} "
                f"{unit(jax)} {jax / mine:>6.2f} {unit(first)}",
                flush=True,
            )


def gradient() -> None:
    """Measure value and gradient of the PyMC model, T = 1,000, K = 3, normal emissions."""
    import bayes_markov as bm

    rng = np.random.default_rng(8)
    x = rng.normal(np.repeat([0.0, 3.0, -2.0, 0.0], 250), 1.0)
    best: dict[str, tuple[float, float]] = {}
    for _ in range(3):
        model = bm.hmm_model(x, n_states=3, emission="gaussian", restarts=1)
        found = {"ours": time_of_gradient(model)}
        script = ["uv", "run", "--script", HERE / "hidden_pymc_extras.py"]
        done = subprocess.run(
            script, input=json.dumps(x.tolist()), capture_output=True, check=True, text=True
        )
        found["pymc-extras"] = tuple(json.loads(done.stdout))
        for name, times in found.items():
            best[name] = tuple(map(min, times, best.get(name, times)))
    for name, (compiling, call) in best.items():
        print(
            f"value and gradient, T = 1,000: {name:<12} {unit(call)}, compiling {unit(compiling)}"
        )
    print(f"ratio {best['pymc-extras'][1] / best['ours'][1]:.3g}")


def time_of_gradient(model: Any) -> tuple[float, float]:
    """Seconds to compile value and gradient of a model, and the shortest time of one call."""
    started = time.perf_counter()
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    point = np.zeros(sum(np.size(value) for value in model.initial_point().values()))
    function(point)
    compiling = time.perf_counter() - started
    calls = {"": lambda: [function(point) for _ in range(20)]}
    return compiling, shortest(calls, 30)[""] / 20


def unit(value: float) -> str:
    """Write a time with a fitting unit."""
    for name, factor in (("s ", 1.0), ("ms", 1e-3)):
        if value >= factor:
            return f"{value / factor:>6.3g} {name}"
    return f"{value * 1e6:>6.3g} µs"


if __name__ == "__main__":
    for chosen in sys.argv[1:] or ["loops", "gradient"]:
        {"loops": loops, "gradient": gradient}[chosen]()
