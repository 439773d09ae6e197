"""This package against others, task by task, side by side in one run.

    uv run --group peers python benchmarks/speed.py [task ...]

The peers are an optional dependency group; pymc-extras, which needs a PyMC of its own, runs in an
environment of its own (benchmarks/pymc_extras_gradient.py). Ours and theirs alternate, and the
shortest of a few runs counts: on a shared machine only ratios within one run mean anything.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
TRUTH = np.array([[0.1, 0.6, 0.3], [0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.3, 0.1, 0.6]])

type Work = Callable[[], Any]
type Row = tuple[str, str, float, str, float]


def shortest(works: dict[str, Work], repeats: int) -> dict[str, float]:
    """Shortest time of each, in seconds; one after the other, again and again."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - started)
    return best


def against(task: str, works: dict[str, Work], repeats: int) -> Iterator[Row]:
    """Compare the first with each of the others."""
    best = shortest(works, repeats)
    ours, *peers = best
    for peer in peers:
        yield task, ours, best[ours], peer, best[peer]


def counting() -> Iterator[Row]:
    """Integer paths in memory."""
    from deeptime.markov import TransitionCountEstimator
    from deeptime.markov.tools.estimation import count_matrix
    from pydtmc import MarkovChain
    from quantecon.markov import estimate_mc

    from analytic import count_transitions

    rng = np.random.default_rng(1)
    for size in (10**7, 10**8):
        path = rng.integers(0, 8, size=size, dtype=np.int32)
        yield from against(
            f"count {size:,} codes (int32, K = 8)",
            {
                "count_transitions": lambda path=path: count_transitions(path, 8),
                "deeptime count_matrix (kernel)": lambda path=path: count_matrix(
                    path, 1, sparse_return=False
                ),
                "deeptime estimator": lambda path=path: (
                    TransitionCountEstimator(1, "sliding", n_states=8).fit(path).fetch_model()
                ),
                "one pass: numpy sum": lambda path=path: path.sum(),
            },
            3,
        )
    path = rng.integers(0, 8, size=10**6)
    listed, names = path.tolist(), [str(code) for code in range(8)]
    yield from against(
        "count 1,000,000 codes (int64, K = 8)",
        {
            "count_transitions": lambda: count_transitions(path, 8),
            "QuantEcon estimate_mc": lambda: estimate_mc(path),
            "PyDTMC fit_sequence": lambda: MarkovChain.fit_sequence("mle", names, listed),
        },
        3,
    )


def labels() -> Iterator[Row]:
    """Sequences of text."""
    import pandas as pd
    from pydtmc import MarkovChain

    from bayes_markov import TransitionCounts

    names = ["cloud", "drizzle", "fog", "hail", "rain", "snow", "sun", "wind"]
    codes = np.random.default_rng(2).integers(0, 8, size=10**6)
    listed = np.array(names)[codes].tolist()

    def crosstab() -> pd.DataFrame:
        series = pd.Series(listed)
        return pd.crosstab(series, series.shift(-1))

    yield from against(
        "count 1,000,000 labels (str, K = 8)",
        {
            "TransitionCounts": lambda: TransitionCounts.from_sequences([listed]),
            "PyDTMC fit_sequence": lambda: MarkovChain.fit_sequence("mle", names, listed),
            "pandas crosstab": crosstab,
        },
        3,
    )


def draws() -> Iterator[Row]:
    """4,000 posterior draws of a chain with 50 states, and one draw of a sampler."""
    from deeptime.markov import TransitionCountEstimator
    from deeptime.markov.msm import BayesianMSM

    import analytic
    import bayes_markov as bm

    rng = np.random.default_rng(3)
    A = rng.dirichlet(np.full(50, 0.5), size=51)
    path = analytic.simulate(A, 20_000, rng=rng)
    counts = bm.TransitionCounts(analytic.count_transitions(path, 50), range(50))
    model = bm.dirichlet_model(counts)
    bm.sample(model, seed=1, draws=10, tune=10)  # compiled before it is timed
    seen = TransitionCountEstimator(1, "effective", n_states=50).fit(path).fetch_model()
    reduced = seen.submodel_largest()
    best = shortest(
        {
            "exact_posterior": lambda: bm.exact_posterior(counts, seed=1),
            "NUTS (nutpie, compiled)": lambda: bm.sample(model, seed=1),
            "deeptime": lambda: BayesianMSM(n_samples=400, reversible=False).fit_fetch(reduced),
        },
        1,
    )
    ours = best["exact_posterior"]
    yield "4,000 draws, K = 50", "exact_posterior", ours, "NUTS", best["NUTS (nutpie, compiled)"]
    yield "one draw, K = 50", "exact_posterior", ours / 4000, "deeptime", best["deeptime"] / 400


def gradient() -> Iterator[Row]:
    """One value and gradient of the PyMC model."""
    import bayes_markov as bm
    from analytic import count_transitions, simulate

    found: dict[int, float] = {}
    for length in (10**3, 10**6):
        path = simulate(TRUTH, length, rng=np.random.default_rng(4))
        counts = bm.TransitionCounts(count_transitions(path, 3), ["a", "b", "c"])
        found[length] = time_of_gradient(bm.dirichlet_model(counts))
    yield "value and gradient", "T = 1,000,000", found[10**6], "T = 1,000", found[10**3]
    theirs = json.loads(
        subprocess.run(
            ["uv", "run", "--script", HERE / "pymc_extras_gradient.py"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    for length in (10**3, 10**6):
        task = f"value and gradient, T = {length:,}"
        yield task, "dirichlet_model", found[length], "pymc-extras", theirs[str(length)]


def time_of_gradient(model: Any) -> float:
    """Shortest time of one value and gradient, in seconds."""
    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    point = np.zeros(sum(np.size(v) for v in model.initial_point().values()))
    function(point)
    return min(shortest({"": lambda: [function(point) for _ in range(100)]}, 20).values()) / 100


def refit() -> Iterator[Row]:
    """The first fit of a shape, and the next with other data."""
    import pymc as pm

    import bayes_markov as bm

    rng = np.random.default_rng(5)
    tables = [np.floor(rng.gamma(2, 10, size=(4, 3))) for _ in range(2)]
    model = bm.dirichlet_model(bm.TransitionCounts(tables[0], ["a", "b", "c"]))
    first = shortest({"": lambda: bm.sample(model, seed=1)}, 1)[""]
    pm.set_data({"counts_data": tables[1][None]}, model=model)
    again = shortest({"": lambda: bm.sample(model, seed=1)}, 3)[""]
    yield "fit by NUTS, 4 x 1,000 draws", "again, other data", again, "the first time", first


def hidden() -> Iterator[Row]:
    """Hidden chains, against the compiled loops alone of hmmlearn."""
    from hmmlearn import _hmmc

    from analytic import hmm

    for K, T in ((3, 10**3), (3, 10**4), (3, 10**6), (10, 10**3), (10, 10**6)):
        rng = np.random.default_rng(6)
        A = rng.dirichlet(np.full(K, 2.0), size=K + 1)
        B = rng.dirichlet(np.ones(5), size=K)
        log_emission = np.ascontiguousarray(np.log(B).T[rng.integers(0, 5, size=T)])
        first, rest = A[0].copy(), A[1:].copy()

        def forward(p=first, P=rest, x=log_emission) -> Any:
            return _hmmc.forward_scaling(p, P, np.exp(x))

        def smooth(p=first, P=rest, x=log_emission) -> Any:
            likelihood = np.exp(x)
            _, before, scaling = _hmmc.forward_scaling(p, P, likelihood)
            after = _hmmc.backward_scaling(p, P, likelihood, scaling)
            smoothed = before * after
            smoothed /= smoothed.sum(axis=1, keepdims=True)
            return smoothed, _hmmc.compute_scaling_xi_sum(before, P, after, likelihood)

        def decode(p=first, P=rest, x=log_emission) -> Any:
            return _hmmc.viterbi(p, P, x)

        repeats = 5 if T == 10**6 else 100
        for name, ours, theirs in (
            ("log-likelihood", hmm.log_likelihood, forward),
            ("smoothing", hmm.smooth, smooth),
            ("Viterbi", hmm.viterbi, decode),
        ):
            works = {
                "ours": lambda f=ours, A=A, x=log_emission: f(A, x),
                "hmmlearn's loops": theirs,
            }
            yield from against(f"{name}, K = {K}, T = {T:,}", works, repeats)


def start() -> Iterator[Row]:
    """How long until something can be done."""
    python, script = sys.executable, str(Path(sys.executable).with_name("bayes-markov"))
    file = str(HERE.parent / "examples" / "seattle_weather.csv")
    fit = [script, "fit", file, "--state", "weather", "--time", "date", "--sampler", "exact"]
    commands = {
        "numpy and scipy.special": [python, "-c", "import numpy, scipy.special"],
        "import analytic": [python, "-c", "import analytic"],
        "bayes-markov --help": [script, "--help"],
        "bayes-markov fit, exact": fit,
    }
    best = shortest(
        {
            name: lambda command=command: subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL
            )
            for name, command in commands.items()
        },
        7,
    )
    base, *others = best
    for name in others:
        yield f"start: {name}", name, best[name], f"import {base}", best[base]


TASKS = {task.__name__: task for task in (counting, labels, draws, gradient, refit, hidden, start)}


def main() -> None:
    """Run the tasks that are named, or all of them."""
    chosen = sys.argv[1:] or list(TASKS)
    print(f"{'task':<38} {'ours':>10}  {'peer':<31} {'peer':>10} {'ratio':>8}")
    for name in chosen:
        for task, _, ours, peer, theirs in TASKS[name]():
            print(
                f"{task:<38} {seconds(ours):>10}  {peer:<31} {seconds(theirs):>10} "
                f"{theirs / ours:>8.3g}",
                flush=True,
            )


def seconds(value: float) -> str:
    """Write a time with a fitting unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


if __name__ == "__main__":
    main()
