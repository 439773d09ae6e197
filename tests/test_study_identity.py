"""Functions are told apart between two runs by what they say and what they hold."""

import functools
import importlib
import linecache
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from analytic import mle, posterior_mean
from bayes_markov import coverage_study, learned_estimator, nuts_estimator, risk_study
from bayes_markov.study.identity import identity
from bayes_markov.study.losses import LOSSES, Loss, stationary_weights

A = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
SMALL = {"lengths": [9], "replicates": 20, "seed": 3}
LOCK = threading.Lock()
ROOT = Path(__file__).parents[1]


def add(beta):
    """Make an estimator that holds a number."""

    def added(counts):
        table = np.asarray(counts) + beta
        return table / table.sum(axis=-1, keepdims=True)

    return added


def with_default(beta):
    def added(counts, beta=beta):
        return add(beta)(counts)

    return added


def with_option(beta):
    def added(counts, *, beta=beta):
        return add(beta)(counts)

    return added


def decorated(beta):
    rule = add(beta)

    @functools.wraps(rule)
    def added(counts):
        return rule(counts)

    return added


def in_a_list(beta):
    rules = [{"rule": add(beta)}]
    return lambda counts: rules[0]["rule"](counts)


def in_a_partial(beta):
    return functools.partial(lambda rule, counts: rule(counts), add(beta))


class Adder:
    """An estimator that is an object."""

    def __init__(self, beta, lock=None):
        self.beta, self.lock = beta, lock

    def __call__(self, counts):
        return add(self.beta)(counts)

    def method(self, counts):
        return self(counts)


MAKERS = {
    "closure": add,
    "lambda": lambda beta: lambda counts: add(beta)(counts),
    "default": with_default,
    "keyword default": with_option,
    "wrapper": decorated,
    "container": in_a_list,
    "partial of a lambda": in_a_partial,
    "partial": lambda beta: functools.partial(posterior_mean, alpha=beta),
    "object": Adder,
    "method": lambda beta: Adder(beta).method,
    "array": lambda beta: add(np.array([1.0, beta, 1.0])),
    "NUTS": lambda beta: nuts_estimator(3, beta),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_what_a_function_holds_is_part_of_it(make):
    assert identity(make(0.1)) == identity(make(0.1)) != identity(make(5.0))


@pytest.mark.parametrize("kind", ["closure", "partial", "object"])
def test_another_function_has_no_cells_in_a_checkpoint(tmp_path, kind):
    make = MAKERS[kind]
    first = risk_study(A, estimators={"x": make(0.1)}, **SMALL, checkpoint=tmp_path)
    again = risk_study(A, estimators={"x": make(0.1)}, **SMALL, checkpoint=tmp_path)
    xr.testing.assert_identical(first, again)
    with pytest.raises(ValueError, match="belongs to another study: rules is"):
        risk_study(A, estimators={"x": make(5.0)}, **SMALL, checkpoint=tmp_path)


def test_losses_and_intervals_hold_something_too(tmp_path):
    def power(p):
        return Loss(
            lambda A, estimate: (np.abs(estimate - A) ** p).sum(axis=-1),
            stationary_weights,
            lambda A, length: np.full(A.shape[:-2], np.nan),
        )

    def around(width):
        return lambda counts, *, prob: (mle(counts) - width, mle(counts) + width)

    risk_study(A, losses={"l": power(1)}, **SMALL, checkpoint=tmp_path / "risk")
    with pytest.raises(ValueError, match="belongs to another study: losses is"):
        risk_study(A, losses={"l": power(3)}, **SMALL, checkpoint=tmp_path / "risk")
    options = {**SMALL, "prob": 0.5, "checkpoint": tmp_path / "coverage"}
    coverage_study(A, intervals={"i": around(0.1)}, **options)
    with pytest.raises(ValueError, match="belongs to another study: rules is"):
        coverage_study(A, intervals={"i": around(0.2)}, **options)


def test_lambdas_on_one_line_are_two():
    first, second = lambda counts: counts + 1, lambda counts: counts + 2
    assert identity(first) != identity(second)


def test_names_and_kinds_are_told_apart():
    things = [mle, posterior_mean, Adder, Adder(1), np.add, np.multiply, max, np, functools]
    things += [*LOSSES.values(), learned_estimator(3), learned_estimator(3, "stickiness")]
    things += [learned_estimator(2), (mle,), [mle], {"mle": mle}, functools.partial(mle)]
    assert len({identity(thing) for thing in things}) == len(things)


EDITED = {
    "function": ("def rule(counts):\n    return counts + {}\n", "rule"),
    "partial": (
        "import functools\n"
        "def inner(beta, counts):\n    return counts + beta * {}\n"
        "rule = functools.partial(inner, 1)\n",
        "rule",
    ),
    "cached": (
        "import functools\n@functools.cache\ndef rule(counts):\n    return counts + {}\n",
        "rule",
    ),
    "object": (
        "class Rule:\n    def __call__(self, counts):\n        return counts + {}\nrule = Rule()\n",
        "rule",
    ),
}


@pytest.mark.parametrize("kind", EDITED)
def test_an_edited_function_is_another_one(tmp_path, monkeypatch, kind):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text, name = EDITED[kind]
    found = []
    for beta in ("1", "1", "2.5"):
        (tmp_path / "rule_of_today.py").write_text(text.format(beta))
        linecache.checkcache()
        sys.modules.pop("rule_of_today", None)
        found.append(identity(getattr(importlib.import_module("rule_of_today"), name)))
    sys.modules.pop("rule_of_today")
    assert found[0] == found[1] != found[2]


def test_a_function_that_holds_itself():
    def again(beta):
        def rule(counts, depth=1):
            return rule(counts, 0) if depth else add(beta)(counts)

        return rule

    assert identity(again(1)) == identity(again(1)) != identity(again(2))


@pytest.mark.slow
def test_another_process_says_the_same():
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import test_study_identity as t\n"
        "print(*(t.identity(make(0.1)) for make in t.MAKERS.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [identity(make(0.1)) for make in MAKERS.values()]


def without_source():
    """Make a function from text, which nobody finds again."""
    found = {"mle": mle}
    exec("def rule(counts):\n    return mle(counts)", found)
    return found["rule"]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Adder(1, LOCK), r"Adder object .* cannot be told from another .*\(.*lock"),
        (lambda counts, lock=LOCK: mle(counts), "lock object .* top level of a module"),
        (without_source(), "function rule .* source cannot be read; .* define it in a file"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, rule, message):
    assert risk_study(A, estimators={"x": rule}, **SMALL).sizes["estimator"] == 1
    with pytest.raises(ValueError, match=message):
        risk_study(A, estimators={"x": rule}, **SMALL, checkpoint=tmp_path)
