"""Comparing entries by paired scores: the procedure, its words, and the figures that it was chosen by."""

from __future__ import annotations

import itertools
import math
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gaitmap_results import compare_scores
from gaitmap_results.comparing.paired_statistics import COLUMNS, holm, mean_interval
from gaitmap_results.comparing.sign_flips import smallest_p, two_sided_p
from gaitmap_results.exceptions import InvalidOptionError


def compare(differences, **options):
    """Compare an entry that is off by these differences with a baseline; return the only row."""
    entry = np.asarray(differences, dtype=float)
    scores = pd.DataFrame({"old": 0.0, "new": entry}, index=[f"P{number}" for number in range(len(entry))])
    table = compare_scores(scores, **{"direction": "maximize", "baseline": "old", **options})
    assert list(table) == list(COLUMNS)
    assert len(table) == 1
    return table.iloc[0]


# The figures that the procedure was chosen by


@pytest.mark.parametrize(("n", "covered"), [(3, 0.957), (5, 0.958), (8, 0.957), (10, 0.953)])
def test_the_interval_covers_what_it_says(n, covered):
    """The t interval of a mean of normal differences holds the truth in 95 of 100 trials, for few participants too."""
    random = np.random.default_rng(n)
    trials = random.normal(size=(4000, n))
    found = np.mean([low <= 0 <= high for low, high in (mean_interval(trial, 0.05) for trial in trials)])
    assert found == pytest.approx(0.95, abs=0.012)
    assert found == pytest.approx(covered, abs=0.018)


@pytest.mark.parametrize(("n", "covered"), [(3, 0.751), (5, 0.843), (8, 0.891), (10, 0.900)])
def test_a_percentile_bootstrap_would_not(n, covered):
    """A percentile bootstrap holds the truth in far fewer trials; hence the t interval."""
    random = np.random.default_rng(n)
    trials = random.normal(size=(1500, n))
    drawn = random.integers(0, n, size=(1500, 400, n))
    means = np.take_along_axis(trials[:, None, :], drawn, axis=2).mean(axis=2)
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(covered, abs=0.03)


@pytest.mark.parametrize(
    ("n", "p", "comparisons"), [(3, 0.25, 0), (5, 0.0625, 0), (6, 0.03125, 1), (8, 0.0078125, 6), (10, 0.001953125, 25)]
)
def test_the_smallest_p(n, p, comparisons):
    """Few participants cannot give a small p; with more than so many comparisons none survives."""
    assert compare(np.arange(1, n + 1)).p == smallest_p(n) == p
    assert int(0.05 / p) == comparisons
    many = pd.DataFrame({number: np.arange(1, n + 1) * float(number**2) for number in range(comparisons + 2)})
    table = compare_scores(many, baseline=0, direction="maximize")
    assert len(table) == comparisons + 1
    if n >= 6:
        assert set(table.note) == {f"too many comparisons for {n} units"}
        assert set(table.verdict) == {"not shown to differ"}
        fewer = compare_scores(many.iloc[:, :-1], baseline=0, direction="maximize")
        assert set(fewer.note) == {""}
        assert set(fewer.verdict) == {"better"}


def test_trials_are_no_units():
    """75 trials of 15 participants, taken as independent, err in .256 of comparisons of equals, not .05; hence units.

    Five trials of each participant that agree as much as different people differ (an intraclass correlation of 0.5).
    """
    random = np.random.default_rng(0)
    trials = (random.normal(size=(20_000, 15, 1)) + random.normal(size=(20_000, 15, 5))).reshape(20_000, 75)
    spread = trials.std(axis=1, ddof=1) / math.sqrt(75)
    as_trials = 2 * stats.t.sf(np.abs(trials.mean(axis=1)) / spread, 74)
    assert np.mean(as_trials <= 0.05) == pytest.approx(0.256, abs=0.015)
    as_units = two_sided_p(trials[:1000].reshape(1000, 15, 5).mean(axis=2).T)
    assert np.mean(as_units <= 0.05) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("n", [5, 8, 12])
def test_the_exact_test_is_that_of_scipy(n):
    """The sign-flip test gives the p of SciPy's exact permutation test of paired samples."""
    random = np.random.default_rng(n)
    for differences in (random.normal(size=n), random.integers(-3, 4, size=n).astype(float), random.normal(1, 1, n)):
        expected = stats.permutation_test(
            (differences,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        assert two_sided_p(differences[:, None])[0] == pytest.approx(expected.pvalue, abs=1e-12)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_the_exact_test_counts_every_flip(differences):
    """The p is the part of all flips whose sum is at least as far from zero, counted one by one here."""
    seen = abs(sum(differences))
    flips = [
        abs(sum(sign * each for sign, each in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    assert two_sided_p(np.array(differences, float)[:, None])[0] == sum(each >= seen for each in flips) / len(flips)


def test_sums_that_differ_by_rounding_are_ties():
    """0.1 + 0.2 and 0.3 are the same sum, so that p does not depend on the unit of the score."""
    differences = np.array([0.1, 0.2, -0.3, 0.3, 0.1, 0.2, 0.3])
    assert two_sided_p(differences[:, None])[0] == two_sided_p(np.round(differences * 10)[:, None])[0]
    row = compare([0.1 + 0.2 - 0.3, 0, 0, 0, 0, 0])
    assert (row.tied, row.p) == (5, 1.0)
    scores = pd.DataFrame({"old": [0.3] * 6, "new": [0.1 + 0.2] * 6})
    assert compare_scores(scores, direction="maximize").tied[0] == 6


def test_all_flips_of_twenty_units_are_counted():
    """The p of 20 units is a multiple of one flip in 2 to the 20."""
    differences = np.random.default_rng(3).normal(0.3, 1, size=20)
    p = two_sided_p(differences[:, None])[0]
    assert (p * 2**20).is_integer()
    assert p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.02)
    assert two_sided_p(np.ones((20, 1)))[0] == 2**-19


def test_beyond_twenty_units_flips_are_drawn():
    """Of more units 99,999 flips are drawn, always the same ones, and the one that was seen counts."""
    differences = np.random.default_rng(4).normal(0.4, 1, size=(30, 2))
    first, again = two_sided_p(differences), two_sided_p(differences)
    assert first.tolist() == again.tolist()
    assert first.tolist() == pytest.approx(stats.ttest_1samp(differences, 0).pvalue.tolist(), abs=0.005)
    assert two_sided_p(np.ones((30, 1)))[0] == smallest_p(30) == 1e-5


@pytest.mark.parametrize(("k", "expected"), [(4, 0.078), (10, 0.146), (20, 0.227)])
def test_the_best_of_equals_is_no_baseline(k, expected):
    """To choose the best entry from the scores and to test against it errs too often; hence all pairs.

    Over many stores by the t test, whose p is nearly the same for normal scores, and over some of them by the flips.
    """
    n_stores, n_flipped = 8000, 100
    scores = np.random.default_rng(k).normal(size=(n_stores, 15, k))
    best = scores.mean(axis=1).argmax(axis=1)
    others = np.arange(k) != best[:, None]
    differences = (scores - scores[np.arange(n_stores), :, best][:, :, None]).transpose(0, 2, 1)[others]
    differences = differences.reshape(n_stores, k - 1, 15)
    by_t = stats.ttest_1samp(differences, 0, axis=2).pvalue.min(axis=1) * (k - 1) <= 0.05
    assert by_t.mean() == pytest.approx(expected, abs=0.032)
    assert by_t.mean() > 0.075
    by_flips = [min(holm(two_sided_p(store.T).tolist())) <= 0.05 for store in differences[:n_flipped]]
    assert np.mean(by_flips) == pytest.approx(by_t[:n_flipped].mean(), abs=0.05)


def test_all_pairs_of_equals_keep_the_level():
    """With all pairs counted, a difference between equal entries is found in no more than 5 % of stores."""
    scores = np.random.default_rng(4).normal(size=(1000, 8, 4))
    pairs = list(itertools.combinations(range(4), 2))
    differences = np.stack([scores[:, :, one] - scores[:, :, two] for one, two in pairs], axis=2)
    p_values = two_sided_p(differences.transpose(1, 0, 2).reshape(8, -1)).reshape(1000, len(pairs))
    assert np.mean([min(holm(each.tolist())) <= 0.05 for each in p_values]) <= 0.065


def test_demsar_2006():
    """C4.5 against C4.5 with m tuned on Demsar's 14 data sets (JMLR 7, table 2): 10 better, 2 worse, 2 tied."""
    one = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957]
    two = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978]
    row = compare_scores(pd.DataFrame({"C4.5": one, "C4.5+m": two}), direction="maximize").iloc[0]
    assert (row.entry, row.baseline) == ("C4.5+m", "C4.5")
    assert (row.better, row.worse, row.tied, row.n) == (10, 2, 2, 14)
    assert row.p == 120 / 16384


# Numbers and words


def test_the_numbers_of_a_comparison():
    """The difference is entry minus baseline, with its t interval, and d_z has its sign."""
    differences = np.array([0.5, 1.0, -0.25, 0.75, 1.5, 0.0, 0.25])
    row = compare(differences, alpha=0.1)
    expected = stats.ttest_1samp(differences, 0)
    interval = expected.confidence_interval(0.9)
    assert row.difference == pytest.approx(differences.mean())
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    assert row.d_z == pytest.approx(differences.mean() / differences.std(ddof=1))
    assert (row.n, row.better, row.worse, row.tied) == (7, 5, 1, 1)


def test_the_direction_turns_better_and_worse_only():
    """Where less is better, better and worse change places; difference, interval, p and d_z stay."""
    differences = [0.5, 1.0, -0.25, 0.75, 1.5, 0.5, 1.25]
    more, less = compare(differences), compare(differences, direction="minimize")
    assert (less.better, less.worse) == (more.worse, more.better)
    assert (more.verdict, less.verdict) == ("better", "worse")
    same = ["difference", "low", "high", "d_z", "p", "p_holm"]
    assert more[same].tolist() == less[same].tolist()


VERDICTS = {
    "better": ([1, 2, 3, 1, 2, 3], {}),
    "worse": ([-1, -2, -3, -1, -2, -3], {}),
    "better, but by less than the smallest effect": ([1, 2, 3, 1, 2, 3], {"smallest_effect": 10}),
    "worse, but by less than the smallest effect": ([-1, -2, -3, -1, -2, -3], {"smallest_effect": 10}),
    "no relevant difference": ([1, -2, 3, -1, 2, -3], {"smallest_effect": 10}),
    "not shown to differ": ([1, -2, 3, -1, 2, -3], {"smallest_effect": 1}),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdicts(verdict):
    """Each verdict is given for what it says, and its opposite for the opposite direction."""
    differences, options = VERDICTS[verdict]
    assert compare(differences, **options).verdict == verdict
    opposite = verdict.replace("better", "x").replace("worse", "better").replace("x", "worse")
    assert compare(differences, direction="minimize", **options).verdict == opposite


@pytest.mark.parametrize("n", range(1, 6))
def test_fewer_than_six_units_are_not_tested(n):
    """With fewer than 6 units nothing is tested, whatever else holds, and the reason is told."""
    row = compare(np.arange(1, n + 1), smallest_effect=100)
    assert row.verdict == f"not tested: with {n} unit{'s' * (n > 1)} the smallest p is {min(1, 2.0 ** (1 - n)):.4g}"
    assert row.p == 2.0 ** (1 - n)
    assert math.isnan(row.low) == (n == 1)


def test_differences_without_spread():
    """Where all differences are the same d_z is NaN and the interval is the point; so it is where all are zero."""
    for value, verdict in ((2.0, "better"), (0.0, "not shown to differ"), (0.1, "better")):
        row = compare([value] * 6)
        assert math.isnan(row.d_z)
        assert row.low == row.high == pytest.approx(value)
        assert row.verdict == verdict
    assert compare([0.0] * 6, smallest_effect=0.1).verdict == "no relevant difference"


def test_what_rests_on_one_participant_is_told():
    """If the mean without one unit has another sign, or is nothing, that is told beside the verdict."""
    assert compare([10, -1, -1, -1, -1, -1, -1]).note == "rests on one participant"
    assert compare([1, 0, 0, 0, 0, 0]).note == "rests on one participant"
    assert compare([1, 1, 1, 1, 1, 1]).note == ""
    assert compare([0, 0, 0, 0, 0, 0]).note == ""
    assert compare([-10, 1, 1]).note == "rests on one participant"


def test_all_pairs_or_one_baseline():
    """Without a baseline each entry is compared with those before it; with one, all others with that."""
    scores = pd.DataFrame(np.random.default_rng(1).normal(size=(8, 4)), columns=list("abcd"))
    pairs = compare_scores(scores, direction="maximize")
    assert list(zip(pairs.entry, pairs.baseline, strict=True)) == [
        ("b", "a"),
        ("c", "a"),
        ("d", "a"),
        ("c", "b"),
        ("d", "b"),
        ("d", "c"),
    ]
    fixed = compare_scores(scores, baseline="c", direction="maximize")
    assert list(zip(fixed.entry, fixed.baseline, strict=True)) == [("a", "c"), ("b", "c"), ("d", "c")]


def test_holm():
    """Adjusted p are those of Holm's method, in the order in which they came; an example of his kind by hand."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


# Folds


def test_folds_are_compared_by_the_corrected_t():
    """Scores of folds get the corrected resampled t of Nadeau and Bengio, told as approximate; never a plain t."""
    differences = np.array([0.02, 0.01, 0.03, 0.015, 0.025, 0.02, 0.01, 0.03, 0.0, 0.02])
    scores = pd.DataFrame({"old": 0.5, "new": 0.5 + differences}, index=pd.RangeIndex(10, name="fold"))
    row = compare_scores(scores, direction="maximize").iloc[0]
    statistic = differences.mean() / math.sqrt((1 / 10 + 1 / 9) * differences.var(ddof=1))
    assert row.p == pytest.approx(2 * stats.t.sf(statistic, 9))
    assert row.p > stats.ttest_1samp(differences, 0).pvalue
    half = stats.t.ppf(0.975, 9) * math.sqrt((1 / 10 + 1 / 9) * differences.var(ddof=1))
    assert (row.low, row.high) == pytest.approx((differences.mean() - half, differences.mean() + half))
    assert row.note.startswith("approximate: corrected resampled t")
    assert row.verdict == "better"
    few = compare_scores(scores.iloc[:5], direction="maximize").iloc[0]
    assert few.verdict == "not tested: 5 folds are too few, since folds share most of their training data"


def test_decimal_numbers_are_numbers():
    """Scores, alpha and the smallest effect may be decimal numbers, as a database or a CSV reader gives them."""
    given = pd.DataFrame({"old": [0.25, 1, 2, 3, 4, 5, 6], "new": [1.25, 2.5, 3, 4.5, 5, 6.5, 7]})
    options = {"direction": "maximize", "alpha": 0.125, "smallest_effect": 0.5}
    expected = compare_scores(given, **options)
    options = {name: Decimal(value) if isinstance(value, float) else value for name, value in options.items()}
    decimals = pd.DataFrame({name: list(map(Decimal, given[name])) for name in given})
    pd.testing.assert_frame_equal(compare_scores(decimals, **options), expected)
    decimals.loc[6, "new"] = Decimal("NaN")
    with pytest.raises(InvalidOptionError, match="The entry 'new' has no score for the unit 6"):
        compare_scores(decimals, **options)


# What is wrong

TRIALS = pd.MultiIndex.from_tuples([(number // 2, number) for number in range(7)], names=["participant", "trial"])


def scores(**columns):
    """Return scores of seven participants."""
    return pd.DataFrame({"a": np.arange(7.0), "b": np.arange(7.0) * 2, **columns}, index=[f"P{n}" for n in range(7)])


@pytest.mark.parametrize(
    ("given_scores", "options", "problem"),
    [
        (scores(b=[1, 2, np.nan, 4, 5, 6, 7]), {}, "The entry 'b' has no score for the unit 'P2'"),
        (scores(b=[1, 2, np.inf, 4, 5, 6, 7]), {}, "The entry 'b' has no score for the unit 'P2'"),
        (scores(b=["x"] * 7), {}, "must be numbers: the entry 'b' has 'x'"),
        (scores(b=["1.5"] * 7), {}, "must be numbers: the entry 'b' has '1.5'"),
        (scores(b=[True] * 7), {}, "must be numbers: the entry 'b' has True"),
        (scores(b=pd.Series([True] * 7, dtype=object).to_numpy()), {}, "must be numbers: the entry 'b' has True"),
        (scores(b=np.arange(7) * 1j), {}, "must be numbers: the entry 'b' has 0j"),
        (scores(b=pd.date_range("2026", periods=7)), {}, "must be numbers: the entry 'b' has Timestamp"),
        (scores(b=[1e308] * 7), {}, "beyond 1e"),
        (scores(b=pd.array([1, None, 3, 4, 5, 6, 7], "Int64")), {}, "The entry 'b' has no score for the unit 'P1'"),
        (scores().set_axis(TRIALS), {}, r"several rows for one participant, .*groupby\(level=\['participant'\]\)"),
        (scores()[["a"]], {}, "nothing to compare: 1 entries"),
        (scores().iloc[:0], {}, "nothing to compare: 2 entries with 0 units"),
        (scores().set_axis(["P0"] * 7), {}, "The unit 'P0' occurs twice"),
        (scores().set_axis(["a", "a"], axis=1), {}, "The entry 'a' occurs twice"),
        ([1, 2], {}, "scores is list"),
        (scores(), {"baseline": "c"}, "The baseline 'c' is none of the entries: a, b"),
        (scores(), {"direction": "up"}, "direction is 'up'"),
        (scores(), {"direction": None}, "direction is None"),
        (scores(), {"alpha": 0}, "alpha is 0"),
        (scores(), {"alpha": 1.5}, "alpha is 1.5"),
        (scores(), {"alpha": np.array([0.05, 0.1])}, "alpha is array"),
        (scores(), {"smallest_effect": 0}, "smallest_effect is 0"),
        (scores(), {"smallest_effect": math.nan}, "smallest_effect is nan"),
        (scores(), {"smallest_effect": "1 cm"}, "smallest_effect is '1 cm'"),
    ],
)
def test_what_cannot_be_compared_is_refused(given_scores, options, problem):
    """Missing values, repeated names and options without a sense are errors that name them, never a number."""
    with pytest.raises(InvalidOptionError, match=problem) as caught:
        compare_scores(given_scores, **{"direction": "maximize", **options})
    assert isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
