"""Settings that hold for every test, and models that are compiled once for all of them."""

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

    import bayes_markov as bm
    from bayes_markov.tree import prior_rows

    built = {}

    def model_for(counts, *, alpha=1.0, support=None):
        mask = None if support is None else np.asarray(support).tolist()
        shape = repr((counts.states, counts.units, counts.order, mask))  # True is not 1
        if shape not in built:
            built[shape] = bm.dirichlet_model(counts, alpha=alpha, support=support)
        data = {
            "counts_data": counts.tables.astype(np.float64),
            "alpha": prior_rows(counts, alpha, support).alpha,
        }
        pm.set_data(data, model=built[shape])
        return built[shape]

    return model_for
