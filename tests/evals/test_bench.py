"""The speed suite's own arithmetic; what it measures is measured by running it."""

import pytest

from evals.bench import BENCHES, BenchOptions, Measured, as_json, bench, line, medians
from evals.bench_answers import _first_token_lines, _with_overhead
from store.errors import ConfigError

FIGURES: dict[str, float | None] = {
    "warm_first_token_s": 0.5,
    "bare_engine_cold_first_token_s": 10.0,
    "bare_engine_warm_first_token_s": 0.375,
    "fresh_process_first_token_s": 1.0,
    "fresh_process_answer_s": 3.0,
    "next_command_first_token_s": 0.5,
    "next_command_answer_s": 2.0,
    "bare_engine_cold_draft_s": 12.0,
}


def test_unknown_bench_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="first-token"):
        bench("speed", BenchOptions())


def test_every_bench_can_be_imported() -> None:
    import importlib

    for place in BENCHES.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_json_is_flat_and_keeps_what_could_not_be_measured() -> None:
    made = as_json(Measured("memory", {"a_s": 1.5, "b_s": None}, note="n", details={"model": "m"}))
    assert made == {"bench": "memory", "a_s": 1.5, "b_s": None, "note": "n", "model": "m"}


def test_line_tells_how_many_times_its_baseline() -> None:
    made = line("answer", 3.0, 12.0, "s", against="bare")
    assert (made.ours, made.baseline, made.ratio) == ("3 s", "12 s (bare)", "0.25 x")
    assert line("answer", 3.0, 0.0, "s", against="bare").ratio == ""


def test_medians_take_turns() -> None:
    order: list[str] = []
    values = iter([5.0, 1.0, 3.0])

    def first() -> float:
        order.append("a")
        return next(values)

    def second() -> float:
        order.append("b")
        return 2.0

    assert medians({"a": first, "b": second}, 3) == {"a": 3.0, "b": 2.0}
    assert order == ["a", "b"] * 3


def test_shares_and_overhead_of_first_tokens() -> None:
    found = _with_overhead(dict(FIGURES))
    names = ("own_overhead_s", "warm_share_of_cold", "fresh_share_of_cold", "next_share_of_cold")
    assert [found[name] for name in names] == [0.125, 0.05, 0.1, 0.05]


def test_shares_of_what_was_not_measured_are_none() -> None:
    found = _with_overhead({**FIGURES, "warm_first_token_s": None, "fresh_process_first_token_s": None})
    assert (found["own_overhead_s"], found["warm_share_of_cold"], found["fresh_share_of_cold"]) == (None,) * 3


def test_lines_say_what_was_not_measured() -> None:
    lines = _first_token_lines({**FIGURES, "fresh_process_first_token_s": None})
    assert [(one.ours, one.ratio) for one in lines] == [
        ("0.5 s", "0.05 x"),
        ("not measured", ""),
        ("0.5 s", "0.05 x"),
        ("3 s", "0.25 x"),
        ("2 s", "0.17 x"),
    ]
