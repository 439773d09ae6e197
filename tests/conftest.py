"""Settings that hold for every test, and models that are compiled once for all of them."""

import sys

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def model_for():
    """Model of some counts; one of the same labels and support is only fed with the new data.

    What is built for a shape is compiled once in a session. A model may therefore be used until
    the next one is asked for, not longer.
    """
    import pymc as pm

    from bayes_markov.models import dirichlet_model
    from bayes_markov.tree import prior_rows

    built = {}

    def model_for(counts, *, alpha=1.0, support=None):
        mask = None if support is None else np.asarray(support).tolist()
        shape = repr((counts.states, counts.units, counts.order, mask))  # True is not 1
        if shape not in built:
            built[shape] = dirichlet_model(counts, alpha=alpha, support=support)
        data = {
            "counts_data": counts.tables.astype(np.float64),
            "alpha": prior_rows(counts, alpha, support).alpha,
        }
        pm.set_data(data, model=built[shape])
        return built[shape]

    return model_for


@pytest.fixture(scope="session")
def rain():
    """Rain or not, in twenty short records that are units; rain follows rain and little else."""
    from bayes_markov import TransitionCounts

    rng = np.random.default_rng(20)
    records = []
    for length in rng.integers(4, 12, size=20):
        days = [bool(rng.random() < 0.3)]
        for _ in range(length - 1):
            days.append(bool(rng.random() < (0.75 if days[-1] else 0.2)))
        records.append(days)
    return TransitionCounts.from_sequences(records, units=[f"r{n}" for n in range(1, 21)])


@pytest.fixture(scope="session")
def exact_tree(rain):
    """Independent draws from the posterior of `rain`."""
    import bayes_markov as bm

    return bm.exact_posterior(rain, seed=11)


@pytest.fixture(scope="session")
def nuts_tree(rain, model_for):
    """Draws by NUTS from the posterior of `rain`."""
    import bayes_markov as bm

    return bm.sample(model_for(rain), seed=11)


@pytest.fixture(scope="session")
def steps_support():
    """Steps on the line low - middle - high: no jump across, whatever came before."""
    near = np.array([[True, True, False], [True, True, True], [False, True, True]])
    support = np.ones((4, 4, 3), dtype=bool)
    support[:, 1:] = near
    return support


@pytest.fixture(scope="session")
def steps():
    """Counts of order two over low, middle and high, without a jump from low to high or back."""
    from bayes_markov import TransitionCounts

    low, middle, high = "low", "middle", "high"
    sequences = [
        [low, middle, high, high, middle, high, high, high, middle, low, low, middle, high],
        [middle, high, high, middle, middle, low, middle, low, low],
        [low, low, middle, middle, high, middle],
    ]
    return TransitionCounts.from_sequences(sequences, states=[low, middle, high], order=2)


@pytest.fixture(scope="session")
def collapsed_model():
    """Collapsed model of a kind, of the same units each time, so that it is compiled once.

    Who feeds it with other data puts the old ones back.
    """
    from populations import BUILDS, units_for

    built = {}

    def collapsed_model(name):
        if name not in built:
            built[name] = BUILDS[name](units_for(name))
        return built[name]

    return collapsed_model


@pytest.fixture(scope="session")
def learned_tree(collapsed_model):
    """Draws from the posterior of a collapsed model."""
    import bayes_markov as bm

    drawn = {}

    def learned_tree(name):
        if name not in drawn:
            drawn[name] = bm.sample(collapsed_model(name), seed=11)
        return drawn[name]

    return learned_tree


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line; gives its exit code, output and messages."""
    from bayes_markov.__main__ import main

    monkeypatch.setenv("COLUMNS", "80")

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["bayes-markov", *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return run
