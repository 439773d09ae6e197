"""Names of registered functions, functions of one's own, and what is neither."""

import functools

import pytest

from analytic import ESTIMATORS, mle
from bayes_markov.registry import by_name
from bayes_markov.study.losses import LOSSES


def test_names_and_functions_in_order():
    own = functools.partial(mle)
    assert list(by_name("estimator", ["laplace", mle], ESTIMATORS)) == ["laplace", "mle"]
    found = by_name("estimator", {"b": own, "a": "laplace"}, ESTIMATORS)
    assert list(found.items()) == [("b", own), ("a", ESTIMATORS["laplace"])]
    assert by_name("loss", {"own": LOSSES["kl"]}, LOSSES) == {"own": LOSSES["kl"]}
    assert by_name("estimator", iter(["mle"]), ESTIMATORS) == {"mle": mle}


BAD = {
    "number in a mapping": ("estimator", {"x": 3}, ESTIMATORS, TypeError, "a function, got 3"),
    "number in a list": ("estimator", [3], ESTIMATORS, TypeError, "a name or a function, got 3"),
    "None": ("interval", {"x": None}, ESTIMATORS, TypeError, "a name or a function, got None"),
    "function as loss": ("loss", {"x": mle}, LOSSES, TypeError, "loss must be a name or a Loss, "),
    "number as loss": ("loss", {"x": 3}, LOSSES, TypeError, "must be a name or a Loss, got 3"),
    "loss in a list": ("loss", [LOSSES["kl"]], LOSSES, ValueError, "has no name; pass a dict of n"),
    "unknown": ("estimator", {"x": "ml"}, ESTIMATORS, ValueError, "estimator 'ml' is unknown; ch"),
    "text": ("estimator", "mle", ESTIMATORS, ValueError, "must be a list of names or functions"),
    "nothing": ("estimator", {}, ESTIMATORS, ValueError, "estimators is empty"),
    "twice": ("estimator", [mle, "mle"], ESTIMATORS, ValueError, "two estimators are named 'mle'"),
}


@pytest.mark.parametrize(("kind", "given", "registry", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(kind, given, registry, error, message):
    with pytest.raises(error, match=message):
        by_name(kind, given, registry)
