import pytest

from evals.statistics import Interval, Unit, mcnemar, median, proportion, ratio


def test_wilson_interval_of_eight_in_ten() -> None:
    # centre (0.8 + 1.92/10) / (1 + 3.84/10), half-width 1.96 sqrt(0.8*0.2/10 + 3.84/400) / (1 + 3.84/10)
    found = proportion(8, 10)
    assert found.value == 0.8
    assert found.low == pytest.approx(0.4902, abs=1e-4)
    assert found.high == pytest.approx(0.9433, abs=1e-4)


def test_a_share_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="n"):
        proportion(0, 0)


@pytest.mark.parametrize(
    ("first", "second", "p"), [(1, 6, 16 / 128), (0, 0, 1.0), (5, 5, 1.0), (0, 6, 2 / 64)]
)
def test_exact_mcnemar(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_a_mean_weighs_each_unit_the_same() -> None:
    found = ratio([Unit(2.0, 2, "a"), Unit(0.0, 4, "b"), Unit(2.0, 2, "c")])
    assert found.value == 0.5
    assert found.low is not None
    assert 0.0 <= found.low < 0.5 < (found.high or 0) <= 1.0


def test_cases_of_one_article_count_as_one_where_articles_are_many() -> None:
    # ten articles, five cases each that stand or fall together: the interval must be that of ten, not of fifty
    together = [Unit(float(a % 2), 1, f"a{a}") for a in range(10) for _ in range(5)]
    apart = [Unit(float(n % 2), 1, f"a{n}") for n in range(50)]
    wide, narrow = ratio(together), ratio(apart)
    assert wide.high is not None
    assert wide.low is not None
    assert narrow.high is not None
    assert narrow.low is not None
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)


def test_equal_values_have_no_width_and_one_value_no_interval() -> None:
    assert ratio([Unit(1.0, 1, "a"), Unit(1.0, 1, "b")]) == Interval(1.0, 1.0, 1.0)
    assert ratio([Unit(1.0, 1, "a")]) == Interval(1.0, None, None)
    assert median([3.0]) == Interval(3.0, None, None)
