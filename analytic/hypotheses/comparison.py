"""Several models of the same transitions, side by side: the value and how its columns are computed.

Every model has its rows; a model's table has one more axis than another's where rows are told apart
that the other takes together. All columns refer to the same transitions.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analytic.chain import log_likelihood
from analytic.estimate import mle
from analytic.evidence import log_evidence, loo_transitions
from analytic.hypotheses.hypothesis import WIDTH, HypothesisTest
from analytic.validate import Bools, Counts, Floats, Ints, as_numbers


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models of the same transitions, from the smallest to the largest; one entry for each.

    See `order_table` for an example.
    """

    models: tuple[str, ...]
    """What each model is called."""

    n: float
    """Number of transitions, the same for all."""

    conditioned_on: str
    """What all models take as given."""

    prior: str
    """Prior of the rows, in words."""

    log_likelihood: Floats
    """Largest log-likelihood, in nats."""

    parameters: Ints
    """Free parameters: (possible next states - 1), summed over the rows that can be reached."""

    observed_parameters: Ints
    """The same sum over the rows and next states that were seen."""

    AIC: Floats
    """-2 log-likelihood + 2 `parameters`."""

    AICc: Floats
    """AIC + 2 p (p + 1) / (n - p - 1), p the `parameters`; NaN where n <= p + 1."""

    BIC: Floats
    """-2 log-likelihood + `parameters` ln n."""

    log_evidence: Floats
    """Log marginal likelihood under the prior."""

    probability: Floats
    """Posterior probability of the models, if all were equally probable before."""

    elpd: Floats
    """Exact leave-one-transition-out expected log predictive density under the prior."""

    se_elpd: Floats
    """Standard error of `elpd`."""

    tests: tuple[HypothesisTest, ...]
    """Each model but the last, tested against the next."""

    def __repr__(self) -> str:
        """Readable text of at most 80 columns."""
        head = f"{self.n:.10g} transitions, given {self.conditioned_on}; prior: {self.prior}"
        fits = zip(
            self.models,
            self.log_likelihood,
            self.parameters,
            self.observed_parameters,
            self.AIC,
            self.AICc,
            self.BIC,
            strict=True,
        )
        predictions = zip(
            self.models,
            self.log_evidence,
            self.probability,
            self.elpd,
            self.se_elpd,
            strict=True,
        )
        lines = [
            textwrap.fill(head, WIDTH),
            "",
            f"{'':13}{'log-lik.':>12}{'par.':>7}{'seen':>7}{'AIC':>12}{'AICc':>12}{'BIC':>12}",
            *(
                f"{m:13}{a:12.3f}{b:7}{c:7}{d:12.3f}{e:12.3f}{f:12.3f}"
                for m, a, b, c, d, e, f in fits
            ),
            "",
            f"{'':13}{'log-evid.':>12}{'probability':>14}{'elpd loo':>12}{'se':>12}",
            *(f"{m:13}{a:12.3f}{b:14.4g}{c:12.3f}{d:12.3f}" for m, a, b, c, d in predictions),
            "",
            f"{'v the next':13}{'G2':>12}{'df':>7}{'p':>12}{'Monte Carlo p':>16}{'se':>12}",
            *(
                f"{m:13}{t.G2:12.3f}{t.df:7}{t.p_G2:12.4g}"
                + (
                    f"{t.p_monte_carlo:16.4g}{t.se_monte_carlo:12.2g}"
                    if t.replicates
                    else f"{'not asked for':>16}"
                )
                for m, t in zip(self.models, self.tests, strict=False)
            ),
        ]
        return "\n".join(lines)


def compare(
    models: tuple[str, ...],
    tables: list[Counts],
    supports: list[Bools],
    tests: tuple[HypothesisTest, ...],
    *,
    alpha: Floats,
    conditioned_on: str,
) -> ModelComparison:
    """Fill in the columns for models given by their tables, each with all its axes.

    `supports` marks the next states that are possible after a history that can be reached.
    """
    n = float(tables[0].sum())
    orders = [table.ndim - 1 for table in tables]
    best = np.array(
        [
            log_likelihood(mle(table), table, order=order)
            for table, order in zip(tables, orders, strict=True)
        ]
    )
    parameters = np.array([_free(support) for support in supports])
    spare = n - parameters - 1
    aic = 2 * parameters - 2 * best
    correction = 2 * parameters * (parameters + 1) / np.where(spare > 0, spare, np.nan)
    evidence = np.array(
        [
            log_evidence(table, alpha, order=order, support=support)
            for table, order, support in zip(tables, orders, supports, strict=True)
        ]
    )
    weight = np.exp(evidence - evidence.max())
    left_out = [
        loo_transitions(table, alpha, order=order, support=support)
        for table, order, support in zip(tables, orders, supports, strict=True)
    ]
    columns = {
        "log_likelihood": best,
        "parameters": parameters,
        "observed_parameters": np.array([_free(table > 0) for table in tables]),
        "AIC": aic,
        "AICc": aic + correction,
        "BIC": parameters * np.log(n) - 2 * best,
        "log_evidence": evidence,
        "probability": weight / weight.sum(),
        "elpd": np.array([loo.elpd for loo in left_out]),
        "se_elpd": np.array([loo.se for loo in left_out]),
    }
    for column in columns.values():
        column.flags.writeable = False
    prior = f"Dirichlet({alpha:g})" if alpha.ndim == 0 else f"Dirichlet({alpha.tolist()})"
    return ModelComparison(
        models=models, n=n, conditioned_on=conditioned_on, prior=prior, tests=tests, **columns
    )


def alpha_of_any_row(alpha: ArrayLike) -> Floats:
    """Check Dirichlet parameters that are to fit rows of several models."""
    values = as_numbers("alpha", alpha).astype(np.float64)
    if values.ndim > 1:
        raise ValueError(
            f"alpha has shape {values.shape}, which does not fit all models; give a number, or one "
            f"per next state"
        )
    return values


def _free(possible: Bools) -> int:
    """Free probabilities: one less than the possible next states, summed over the rows."""
    return int(np.maximum(possible.sum(axis=-1) - 1, 0).sum())
