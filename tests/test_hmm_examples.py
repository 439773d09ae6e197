"""Examples in docstrings that start from a sampled tree, run on one of known draws."""

import doctest
import inspect

import matplotlib.pyplot as plt
import pytest

import bayes_markov as bm
from test_hmm_tree import tree_of

EXAMPLES = (
    bm.add_state_probabilities,
    bm.add_state_paths,
    bm.add_viterbi,
    bm.state_table,
    bm.plot_states,
    bm.plot_emissions,
)
"""They are left out where docstrings are run alone, as sampling takes half a minute."""


def problems(text, names):
    """What running an example prints that it does not show."""
    found = []
    text = text.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(text, names, "example", None, 0)
    assert len(example.examples) >= 1
    doctest.DocTestRunner(verbose=False).run(example, out=found.append)
    return "".join(found)


@pytest.mark.parametrize("function", EXAMPLES, ids=lambda function: function.__name__)
def test_examples_run(function):
    _, _, tree = tree_of("poisson")
    names = {"tree": tree} | inspect.getmodule(function).__dict__
    assert problems(inspect.getdoc(function), names) == ""
    plt.close("all")


def test_an_example_that_is_wrong_is_found():
    assert "Expected" in problems(">>> 1 + 1  # doctest: +SKIP\n3\n", {})
