"""Studies and calibration on a Dask cluster: the numbers of one process, even if a worker dies."""

import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster

from analytic import flat, mle
from bayes_markov import coverage_study, risk_study
from bayes_markov.calibration import calibrate, exact, nuts

pytestmark = pytest.mark.slow

A = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
LONG = {
    "lengths": [40, 200],
    "estimators": ["mle", "empirical_bayes_vector"],
    "replicates": 16_000,
    "seed": 4,
}


@pytest.fixture(scope="module")
def client():
    """Two workers, each a process under a nanny that starts it again when it dies."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def twice(counts):
    """A function of this file, which workers import."""
    table = np.asarray(counts) + 2.0
    return table / table.sum(axis=-1, keepdims=True)


def test_a_study_of_risk_gives_the_numbers_of_one_process(client):
    options = {"lengths": [5, 30], "replicates": 2000, "seed": 22}
    estimators = {"mle": mle, "twice": twice, "third": lambda counts: twice(counts * 3)}
    here = risk_study([A, A[:1] + A[2:] + A[1:2]], estimators=estimators, **options)
    with client.get_executor() as executor:
        there = risk_study(
            [A, A[:1] + A[2:] + A[1:2]], estimators=estimators, **options, executor=executor
        )
    xr.testing.assert_identical(here, there)


def test_a_study_of_coverage_gives_the_numbers_of_one_process(client):
    options = {"lengths": [25], "intervals": ["wilson", "bootstrap"], "prob": 0.9}
    options |= {"replicates": 400, "seed": 3}
    here = coverage_study(flat(2), **options)
    xr.testing.assert_identical(
        here, coverage_study(flat(2), **options, executor=client.get_executor())
    )


def test_both_workers_work(client):
    seen = client.run(os.getpid)
    assert len(seen) == 2
    done = client.get_executor()
    risk_study(A, lengths=[5], estimators=[who], replicates=8000, seed=1, executor=done)
    assert len(seen) == len(set(seen.values())) == sum(client.run(was_called).values())


CALLED = []


def who(counts):
    """Remember in each process that it was used."""
    CALLED.append(os.getpid())
    return mle(counts)


def was_called():
    return len(CALLED) > 0


def test_an_error_on_a_worker_reaches_the_caller(client):
    def broken(counts):
        raise ArithmeticError("no estimate today")

    with pytest.raises(ArithmeticError, match="no estimate today"):
        risk_study(
            A,
            lengths=[5],
            estimators=[broken],
            replicates=20,
            seed=1,
            executor=client.get_executor(),
        )


def test_calibration_gives_the_numbers_of_one_process(client):
    options = {"seed": 1, "replicates": 100, "posterior": exact(3, [0.5, 1, 2])}
    options["alpha"] = [0.5, 1, 2]
    here = calibrate(**options)
    there = calibrate(**options, executor=client.get_executor())
    assert here.p_values == there.p_values
    assert here.tree.identical(there.tree)


def test_what_nuts_needs_can_be_sent():
    """Not the compiled model: each worker compiles its own."""
    sent = pickle.dumps(nuts(2, [0.5, 2.0]))
    assert len(sent) < 1000
    rule, again = nuts(2, [0.5, 2.0]), pickle.loads(sent)
    assert (again.func, again.args) == (rule.func, rule.args)


def test_a_study_outlives_a_killed_worker(client, tmp_path):
    """The last test: whether and when the nanny starts another worker is not for us to say."""
    expected = risk_study(A, **LONG)
    workers = client.run(os.getpid)
    victim = next(iter(workers.values()))
    kept_when_killed = []

    def kill():
        while len(list(tmp_path.glob("cell-*.npz"))) < 4:
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)
        kept_when_killed.append(len(list(tmp_path.glob("cell-*.npz"))))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    found = risk_study(A, **LONG, executor=client.get_executor(), checkpoint=tmp_path)
    killer.join(timeout=10)
    xr.testing.assert_identical(found, expected)
    assert 4 <= kept_when_killed[0] < len(list(tmp_path.glob("cell-*.npz"))) - 4
    assert victim not in client.run(os.getpid).values()
