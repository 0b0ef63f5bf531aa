"""The numbers of a comparison: as the literature prints them, as scipy gives them in its plain form, and right as often
as they say."""

import numpy as np
import pytest
from scipy.stats import bootstrap, monte_carlo_test, permutation_test

from trainer.evaluation.comparing import drawing, intervals, seeds, significance
from trainer.evaluation.comparing.differing import BINS, FEWER_BINS, differences, furthest, histogram
from trainer.evaluation.comparing.drawing import Steps
from trainer.evaluation.comparing.measured import Group
from trainer.evaluation.comparing.overlap import common

# Student, "The probable error of a mean", Biometrika 6, 1908: hours of sleep gained by one drug over another.
SLEEP = np.array([1.2, 2.4, 1.3, 1.3, 0, 1, 1.8, 0.8, 4.6, 1.4])
# Darwin's maize in Fisher, "The Design of Experiments", 1935, sections 16 to 21: eighths of an inch.
MAIZE = np.array([49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])


@pytest.fixture
def steps() -> Steps:
    return Steps(1, lambda done, total: None)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


def group(*means: float, closed_form: bool = False) -> Group:
    """Of two users whose mean over users is that of the seed."""
    return Group(np.array([[[mean - 0.1], [mean + 0.1]] for mean in means]), [], closed_form)


def test_the_paired_t_of_student_and_of_fisher() -> None:
    found = significance.paired_t(np.column_stack([SLEEP, np.zeros(10)]))
    assert np.round(found.t, 4).tolist() == [4.0621, 0]
    assert np.round(found.p, 6).tolist() == [0.002833, 1]
    assert np.round(found.effect, 3).tolist() == [1.285, 0]
    maize = significance.paired_t(MAIZE[:, None])
    assert (round(float(maize.t[0]), 3), round(float(maize.p[0]), 4)) == (2.148, 0.0497)


def test_signs_are_flipped_as_fisher_counted_them(steps: Steps) -> None:
    # 1,726 of the 32,768 ways to give signs are as far from 0, 5.267 %.
    exact = permutation_test((MAIZE,), np.mean, permutation_type="samples", n_resamples=2**15).pvalue
    assert round(exact * 2**15) == 1726
    drawn = significance.sign_flips(np.column_stack([MAIZE, np.zeros(15)]), 100_000, rng(), steps)
    assert abs(drawn[0] - exact) < 0.003
    assert drawn[1] == 1


def test_signs_are_counted_batch_by_batch_as_scipy_counts_them_all(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = differences(*rng(6).binomial(3, 0.4, (2, 32, 5)) / 3)
    whole = significance.sign_flips(values, 400, rng(), steps)
    bits = np.unpackbits(np.frombuffer(rng().bytes(400 * 4), np.uint8).reshape(400, 4), axis=1)
    drawn = np.where(bits == 1, 1, -1) @ values / 32
    for column, p in enumerate(whole):
        plain = monte_carlo_test(
            [values[:, column].mean()], lambda size, c=column: drawn[:, c].reshape(size), np.mean, n_resamples=400
        )
        assert p == pytest.approx(plain.pvalue)
    monkeypatch.setattr(drawing, "CELLS", 32 * 7)
    assert significance.sign_flips(values, 400, rng(), steps).tolist() == whole.tolist()


def test_a_p_value_is_never_0(steps: Steps) -> None:
    sure = rng().normal(5, 0.1, (400, 1))
    assert significance.sign_flips(sure, 999, rng(), steps) == pytest.approx(2 / 1000)
    assert significance.paired_t(sure).p[0] > 0
    assert significance.paired_t(np.full((9000, 1), 5) + rng().normal(0, 1e-3, (9000, 1))).p[0] > 0


def test_holm_by_a_worked_example() -> None:
    # en.wikipedia.org/wiki/Holm-Bonferroni_method, "Example": at 5 % the first and the last of four are rejected.
    corrected = significance.holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert corrected == pytest.approx([0.03, 0.06, 0.06, 0.02])
    without = significance.holm(np.array([0.01, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(without, [0.03, np.nan, 0.06, 0.02])


def test_what_seeds_could_show_is_what_cohen_tabulates() -> None:
    # Cohen 1988, table 2.4.1: 64 of each show half a deviation; paired 34 do.
    assert round(seeds._effect(64, 64), 2) == 0.5
    assert round(seeds._effect(34, 0), 2) == 0.5


@pytest.mark.parametrize(("method", "most"), [("BCa", 60), ("percentile", 59)])
def test_intervals_are_scipys_with_the_same_draws(
    method: str, most: int, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intervals, "MOST_LEFT_OUT", most)
    a, b = rng(1).gamma(0.5, size=(2, 60, 3))
    found = intervals.over_users(np.column_stack([differences(a, b), np.full(60, 0.25)]), 2_000, rng(), steps)
    for column in range(3):
        mean = lambda x, y, axis: np.mean(x - y, axis)  # noqa: E731
        both = (a[:, column], b[:, column])
        plain = bootstrap(both, mean, paired=True, n_resamples=2_000, method=method, rng=rng()).confidence_interval
        assert found[column] == pytest.approx(plain, rel=1e-9)
    assert found[3].tolist() == [0.25, 0.25]


def test_columns_are_drawn_alike_whatever_fits_into_memory(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    values = rng(2).gamma(0.5, size=(50, 7))
    values[:, 2:4] = 0.5
    whole = intervals.over_users(values, 300, rng(), steps)
    monkeypatch.setattr(drawing, "CELLS", 600)
    told: list[int] = []
    few = intervals.over_users(values, 300, rng(), Steps(9_999, lambda done, total: told.append(done)))
    np.testing.assert_allclose(few, whole, rtol=1e-9)
    # Two columns at a time, those that vary or not.
    assert told[-1] == 4 * 300


def test_seeds_and_users_are_drawn_as_defined(steps: Steps) -> None:
    groups = [rng(3).random((3, 8, 2)), rng(4).random((1, 8, 2)), rng(5).random((2, 8, 2))]
    found = intervals.over_seeds(groups, 40, rng(), steps)

    same = rng()
    users = same.integers(0, 8, (40, 8))
    for place, values in enumerate(groups):
        some = same.integers(0, len(values), (40, max(len(values) - 1, 1)))
        for draw in range(40):
            of_seeds = [sum(values[seed, user] for user in users[draw]) / 8 for seed in some[draw]]
            np.testing.assert_allclose(found[draw, place], sum(of_seeds) / len(of_seeds))


@pytest.mark.parametrize(("of_group", "of_baseline", "deviation", "right"), [
    (3, 3, 0.01, (0.94, 0.99)),
    (3, 1, 0.01, (0.92, 0.99)),
    (5, 3, 0.01, (0.93, 0.99)),
    # Seeds that vary more than users do: three say little about how much, and the interval is too narrow.
    (3, 3, 0.05, (0.86, 0.95)),
])  # fmt: skip
def test_how_often_the_interval_over_seeds_holds_the_truth(
    of_group: int, of_baseline: int, deviation: float, right: tuple[float, float], steps: Steps
) -> None:
    draw, experiments = rng(of_group + of_baseline), 600
    people = draw.gamma(0.5, 0.3, (1, 100, experiments))

    def trained(number: int, better: float) -> np.ndarray:
        likes = draw.normal(0, 0.1, (1, 100, experiments))
        of_seed = draw.normal(0, deviation, (number, 1, experiments)) if number > 1 else 0
        return people + better + likes + of_seed + draw.normal(0, 0.1, (number, 100, experiments))

    drawn = intervals.over_seeds([trained(of_group, 0.02), trained(of_baseline, 0)], 600, rng(), steps)
    found = intervals.percentiles(drawn[:, 0] - drawn[:, 1])
    held = np.mean((found[:, 0] <= 0.02) & (found[:, 1] >= 0.02))
    assert right[0] <= held <= right[1]


def test_seeds_of_two_groups_are_drawn_apart() -> None:
    welch = seeds.over_seeds(group(0.3, 0.2, 0.4), group(0.3, 0.21, 0.1), 0)
    assert (welch.test, round(welch.p, 4)) == ("welch", 0.3023)
    assert [one.more_seeds for one in welch.detectable] == [0, 1, 2, 3, 5, 10, 20]
    shown = [one.relative for one in welch.detectable]
    assert shown == sorted(shown, reverse=True)
    # Three of each show 3.07 of their deviations (statsmodels' power of the t test), of a baseline of 0.2033.
    deviation = np.sqrt((np.var([0.3, 0.2, 0.4], ddof=1) + np.var([0.3, 0.21, 0.1], ddof=1)) / 2)
    assert shown[0] == pytest.approx(3.070 * deviation / 0.20333, rel=1e-3)


def test_seeds_are_held_against_the_mean_of_a_closed_form() -> None:
    trained, closed = group(0.3, 0.2, 0.4), group(0.1, closed_form=True)
    found = seeds.over_seeds(trained, closed, 0)
    # t = 0.2 / (0.1 / sqrt(3)) with 2 degrees of freedom; three show 3.26 deviations (statsmodels' power of it).
    assert (found.test, found.p) == ("one_sample", pytest.approx(0.0742, abs=1e-4))
    assert found.detectable[0].relative == pytest.approx(3.264 * 0.1 / 0.1, rel=1e-3)
    assert [one.more_seeds for one in found.detectable] == list(seeds.MORE)
    assert seeds.over_seeds(closed, trained, 0).p == found.p
    assert seeds.over_seeds(trained, group(0.1, 0.1, closed_form=True), 0) == found


@pytest.mark.parametrize(("one", "other"), [
    (group(0.2), group(0.2, 0.3)),
    (group(0.2, 0.3), group(0.2)),
    (group(0.2), group(0.2, closed_form=True)),
    (group(0.2, 0.2, closed_form=True), group(0.3, closed_form=True)),
])  # fmt: skip
def test_where_nothing_is_known_of_seeds_nothing_is_said(one: Group, other: Group) -> None:
    found = seeds.over_seeds(one, other, 0)
    assert (found.test, found.detectable) == ("", [])
    assert np.isnan(found.p)


@pytest.mark.parametrize("closed_form", [False, True])
@pytest.mark.parametrize(("mean", "p"), [(0.3, 1.0), (0.4, np.nan)])
def test_seeds_that_change_nothing_prove_nothing(mean: float, p: float, closed_form: bool) -> None:
    found = seeds.over_seeds(group(mean, mean, mean), group(0.3, 0.3, closed_form=closed_form), 0)
    np.testing.assert_equal(found.p, p)
    assert found.detectable == []


def test_differences_of_the_same_values_are_ties() -> None:
    one = np.full((3, 4), 0.1).mean(axis=0)
    assert one[0] != 0.1
    assert (differences(one, np.full(4, 0.1)) == 0).all()


def test_the_histogram_keeps_everybody_and_ties_in_its_middle() -> None:
    difference = np.concatenate([np.zeros(5), [0.41, -0.41, 0.1, 1e-9]])
    bins = histogram(difference, 1)
    assert len(bins) == BINS
    assert (bins[0][0], bins[-1][1]) == (-0.41, 0.41)
    assert sum(users for *_, users in bins) == 9
    assert bins[BINS // 2][2] == 6
    assert histogram(np.zeros(3), 1) == [(0.0, 0.0, 3)]
    assert [len(histogram(difference, tests)) for tests in (100, 101)] == [BINS, FEWER_BINS]


def test_users_with_the_largest_differences() -> None:
    a, b = np.array([0.5, 0.1, 0.9, 0.2]), np.array([0.2, 0.1, 0.6, 0.7])
    assert [(one.user, one.value, one.baseline) for one in furthest(a, b, differences(a, b), 1)] == [
        (0, 0.5, 0.2),
        (2, 0.9, 0.6),
    ]
    assert [one.user for one in furthest(a, b, -differences(a, b), 1)] == [3]
    assert [one.user for one in furthest(a, b, differences(a, b), 1000)] == [0]


def test_what_lists_have_in_common() -> None:
    a = np.array([[1, 2, 3], [4, 5, -1]])
    b = np.array([[3, 9, 1], [-1, -1, -1]])
    assert common(a, b, 3) == pytest.approx(2 / 6)
    assert common(a, b, 1) == 0
    assert common(a, a, 3) == pytest.approx(5 / 6)


def test_rejections_where_nothing_and_where_something_differs(steps: Steps) -> None:
    """1,000 comparisons of 200 users with a few test items each, of which models find those that chance gives them."""
    draw, shape = rng(11), (200, 1000)
    items, found = draw.integers(1, 12, shape), draw.beta(0.5, 2.0, shape)
    recalls = lambda: np.stack([draw.binomial(items, found) / items for _ in range(3)])  # noqa: E731
    one, other = recalls(), recalls()
    alike = differences(one.mean(axis=0), other.mean(axis=0))
    p = {
        "t": significance.paired_t(alike).p,
        "signs": significance.sign_flips(alike, 1000, rng(), steps),
        "seeds": np.array([seeds.over_seeds(Group(one, []), Group(other, []), test).p for test in range(1000)]),
    }
    for name, values in p.items():
        assert 0.03 <= np.mean(values <= 0.05) <= 0.07, name
    users = intervals.over_users(alike, 1000, rng(), steps)
    assert 0.03 <= np.mean((users[:, 0] > 0) | (users[:, 1] < 0)) <= 0.07

    better = differences(one.mean(axis=0) + 0.1, other.mean(axis=0))
    assert np.mean(significance.paired_t(better).p <= 0.05) > 0.95
    assert np.mean(significance.sign_flips(better, 400, rng(), steps) <= 0.05) > 0.95
