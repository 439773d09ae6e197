"""Figures that others printed, or that follow from the tables they printed.

A published figure is met to half a unit of its last printed digit. Figures computed once from the
published table with an independent program carry more digits.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytic import (
    DirichletRows,
    log_evidence,
    log_likelihood,
    log_probability,
    lower_order,
    mle,
    posterior_mean,
    posterior_mode,
    stationary,
)

# Ramage, D. (2007). Hidden Markov Models Fundamentals. CS229 section notes, Stanford. States sun,
# cloud, rain. The note prints .33 three times in the s_0 row ("numbers I made up").
NOTE = np.array([[0.33, 0.33, 0.33], [0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.1, 0.2, 0.7]])
REPAIRED = np.array([[1 / 3, 1 / 3, 1 / 3], *NOTE[1:]])


def test_note_example_of_section_1_1_1():
    """P(sun, cloud, rain, rain, cloud) = .33 x .1 x .2 x .7 x .2."""
    path = [0, 1, 2, 2, 1]
    assert_allclose(log_probability(NOTE, path), np.log(0.000924), rtol=1e-12)
    assert_allclose(log_probability(REPAIRED, path), np.log(0.0028 / 3), rtol=1e-12)


def test_note_example_of_section_1():
    """P(sun, cloud, cloud, rain, cloud) = .33 x .1 x .6 x .2 x .2."""
    path = [0, 1, 1, 2, 1]
    assert_allclose(log_probability(NOTE, path), np.log(0.000792), rtol=1e-12)
    assert_allclose(log_probability(REPAIRED, path), np.log(0.0008), rtol=1e-12)


def test_note_chain_stationary_law():
    """The balance equations of the note's matrix, solved in fractions."""
    assert_allclose(stationary(NOTE[1:]), [8 / 19, 5 / 19, 6 / 19], rtol=1e-14)


# Daily rain on Alofi (Niue), 1987-01-01 to 1989-12-31; states 0, 1-5 and 6+ mm. Avery, P. J. and
# Henderson, D. A. (1999). Fitting Markov chain models to discrete state series such as DNA
# sequences. Applied Statistics 48, 53-61; the series is carried by the R package markovchain as
# `rain`. Counts of the state after three days, oldest day first; the series begins 6+, 1-5, 1-5.
AFTER_THREE_DAYS = """
    167 57 23   51 19 16    3  8 18     46 15  9   13 12  7    7  7 10      9  2  2    9  6  1    7 13 11
     59 21  6   13  7  7    8  5 10     16  5  8    7 15 13    6  6 14      7  7  3    9  4  4    6 15 13
     21  8  0    6  6  1    2  3  3     24  7  6    9  8  6    4  4 10     13  4  3   19 12 13    7 17 35
"""  # noqa: E501
ALOFI = np.zeros((4, 4, 4, 3), dtype=np.int64)
ALOFI[1:, 1:, 1:] = np.array(AFTER_THREE_DAYS.split(), dtype=np.int64).reshape(3, 3, 3, 3)
ALOFI[0, 0, 0, 2] = ALOFI[0, 0, 3, 1] = ALOFI[0, 3, 2, 1] = 1
ORDERS = {3: ALOFI, 2: lower_order(ALOFI)}
ORDERS[1] = lower_order(ORDERS[2])
ORDERS[0] = lower_order(ORDERS[1])


def test_alofi_counts():
    """548, 295 and 253 days; the transitions as the help page of `rain` in markovchain has them."""
    assert_array_equal(ORDERS[0], [548, 295, 253])
    assert_array_equal(ORDERS[1], [[0, 0, 1], [362, 126, 60], [136, 90, 68], [50, 79, 124]])


def test_alofi_estimate():
    """As printed by `markovchainFit(rain)`, seven digits."""
    printed = [
        [0.6605839, 0.2299270, 0.1094891],
        [0.4625850, 0.3061224, 0.2312925],
        [0.1976285, 0.3122530, 0.4901186],
    ]
    assert_allclose(mle(ORDERS[1])[1:], printed, rtol=0, atol=0.5e-7)


def test_alofi_stationary_law():
    """As printed by `steadyStates`; its inverse is the mean recurrence time."""
    law = stationary(mle(ORDERS[1])[1:])
    assert_allclose(law, [0.5008871, 0.2693656, 0.2297473], rtol=0, atol=0.5e-7)
    assert_allclose(1 / law, [1.996458, 3.712426, 4.352608], rtol=0, atol=0.5e-6)


LOG_LIKELIHOODS = {0: -1137.922896, 1: -1040.418547, 2: -1026.331719, 3: -1005.563384}
LOG_EVIDENCES = {0: -1144.1292, 1: -1056.9740, 2: -1063.9342, 3: -1086.1408}


@pytest.mark.parametrize("order", range(4))
def test_alofi_likelihood_and_evidence_of_every_order(order):
    """Order 1: log-likelihood -1040.419 in markovchain. All on the same 1,096 days."""
    table = ORDERS[order]
    assert table.sum() == 1096
    best = log_likelihood(mle(table), table, order=order)
    assert_allclose(best, LOG_LIKELIHOODS[order], rtol=0, atol=0.5e-6)
    evidence = log_evidence(table, 1, order=order)
    assert_allclose(evidence, LOG_EVIDENCES[order], rtol=0, atol=0.5e-4)


@pytest.mark.parametrize(
    ("alpha", "expected"), [(1, -1055.875375), (1 / 2, -1057.950214), (1 / 3, -1059.464909)]
)
def test_alofi_evidence_given_the_first_day(alpha, expected):
    assert_allclose(log_evidence(ORDERS[1][1:], alpha), expected, rtol=0, atol=0.5e-6)


def test_alofi_posterior_under_a_flat_prior():
    """Row of 0 mm: mean, standard deviation and equal-tailed 95 % intervals."""
    posterior = DirichletRows(np.ones((3, 3))).given(ORDERS[1][1:])
    mean, sd = posterior.mean()[0], np.sqrt(posterior.var()[0])
    assert_allclose(mean, [0.6588021779, 0.2304900181, 0.1107078040], rtol=0, atol=0.5e-10)
    assert_allclose(sd, [0.0201795324, 0.0179251852, 0.0133549363], rtol=0, atol=0.5e-10)
    low, high = posterior.interval(prob=0.95)
    assert_allclose(low[0], [0.6187230224, 0.1963063521, 0.0859055759], rtol=0, atol=0.5e-10)
    assert_allclose(high[0], [0.6977893791, 0.2665265967, 0.1381848649], rtol=0, atol=0.5e-10)


def test_alofi_posterior_under_an_informative_prior():
    """Dirichlet parameters 2 on the diagonal and 1 elsewhere; row of 0 mm."""
    alpha, counts = 1 + np.eye(3), ORDERS[1][1:]
    mode = posterior_mode(counts, alpha)
    mean = posterior_mean(counts, alpha)
    assert_allclose(mode[0], [0.6612021858, 0.2295081967, 0.1092896175], rtol=0, atol=0.5e-10)
    assert_allclose(mean[0], [0.6594202899, 0.2300724638, 0.1105072464], rtol=0, atol=0.5e-10)
    assert_allclose(log_likelihood(mode, counts), -1040.424872, rtol=0, atol=0.5e-6)


def test_alofi_second_half_predicted_from_the_first():
    """Transitions within days 1-548 and within days 549-1096; the step between is in neither."""
    first = np.array([[204, 63, 32], [73, 49, 23], [22, 34, 47]])
    second = np.array([[158, 63, 28], [63, 40, 45], [28, 45, 77]])
    assert_array_equal(ORDERS[1][1:] - first - second, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])
    expected = log_evidence(first + second, 1) - log_evidence(first, 1)
    assert_allclose(log_evidence(second, 1 + first), expected, rtol=1e-12)
    assert_allclose(expected, -539.568607386, rtol=0, atol=0.5e-9)


# Markov, A. A. (1913). An example of statistical investigation of the text Eugene Onegin
# concerning the connection of samples in chains. Translated in Science in Context 19 (2006),
# 591-600. Of 20,000 letters 8,638 are vowels and 11,362 consonants; 1,104 vowels follow a vowel, so
# 7,534 follow a consonant. The first letter is a consonant and so is the last (as many pairs lead
# out of vowels as into them), which leaves 11,361 - 7,534 = 3,827 consonants that follow one.
ONEGIN = np.array([[0, 1], [1104, 7534], [7534, 3827]])


def test_onegin_counts():
    assert_array_equal(lower_order(ONEGIN), [8638, 11362])
    assert_array_equal(ONEGIN[1:].sum(axis=1), [8638, 11362 - 1])


def test_onegin_estimate():
    """Markov: p_1 = .128 after a vowel, p_0 = .663 after a consonant, delta = -.535."""
    estimate = mle(ONEGIN)
    assert_array_equal(estimate[0], [0, 1])
    after_vowel, after_consonant = estimate[1:, 0]
    assert_allclose([after_vowel, after_consonant], [0.128, 0.663], rtol=0, atol=0.5e-3)
    assert_allclose(after_vowel - after_consonant, -0.535, rtol=0, atol=0.5e-3)
    assert_allclose([after_vowel, after_consonant], [1104 / 8638, 7534 / 11361], rtol=1e-15)


def test_onegin_stationary_law_is_the_share_of_vowels():
    """Markov: p = .432, the share of vowels."""
    law = stationary(mle(ONEGIN)[1:])
    assert_allclose(law[0], 0.432, rtol=0, atol=0.5e-3)
    assert_allclose(law[0], 0.4319215961, rtol=0, atol=0.5e-10)


def test_onegin_likelihood():
    assert_allclose(log_likelihood(mle(ONEGIN), ONEGIN), -10560.266765, rtol=0, atol=0.5e-6)
