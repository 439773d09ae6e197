"""What the commands do with a fitted chain: sample its posterior, decode its states."""

import sys
import warnings
from typing import TYPE_CHECKING, Any

from bayes_markov.cli.output import working

if TYPE_CHECKING:
    import xarray as xr

    from bayes_markov.hmm.observations import Observations
    from bayes_markov.hmm.selection import HiddenFit


def posterior(data: "Observations", chosen: "HiddenFit", seed: int) -> tuple["xr.DataTree", str]:
    """Sample the posterior, and say how the chains went."""
    with working("compiling and sampling (about a minute the first time)"):
        from bayes_markov.diagnostics import ConvergenceWarning
        from bayes_markov.hmm.fit import sample_hmm
        from bayes_markov.hmm.models import hmm_model

        model = hmm_model(
            data, n_states=chosen.n_states, emission=chosen.emission, start=chosen.found
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            tree = sample_hmm(model, seed=seed, progress=sys.stderr.isatty())
    problems = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    said = (
        "; ".join(problems) if problems else f"the chains agree: R-hat {tree.attrs['rhat_max']:.3f}"
    )
    return tree, said


def states_of(data: "Observations", chosen: "HiddenFit", tree: "xr.DataTree | None") -> Any:
    """Decode, at the maximum of the likelihood or over the posterior."""
    from bayes_markov.hmm.decoding import (
        add_state_probabilities,
        add_viterbi,
        decode_at,
        state_table,
    )

    if tree is None:
        return decode_at(chosen, data)
    return state_table(add_viterbi(add_state_probabilities(tree)))
