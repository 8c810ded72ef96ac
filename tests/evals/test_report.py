import re
from dataclasses import replace

import pytest

from evals.charts import Mark, Point, Row, intervals, speed_against_quality
from evals.records import read_runs
from evals.report import page
from evals.runner import run
from evals.suites import load_suite, select
from evals.tables import markdown, metric_table, type_table
from evals.types import Run
from tests.evals.fakes import FakeWorkbench

SUITE = load_suite("deal")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ...]:
    out = tmp_path_factory.mktemp("run")
    run(SUITE, select(SUITE.cases, limit=30), ["fake:a", "fake:b"], out, FakeWorkbench(SUITE))
    return read_runs(out)


def test_the_page_is_self_contained_and_runs_nothing(runs: tuple[Run, ...]) -> None:
    html = page(runs)
    assert "<script" not in html
    assert not re.search(r"(src|href)=|@import|url\(", html)
    assert html.count("<svg") == 4
    assert "prefers-color-scheme: dark" in html


def test_every_wrong_answer_stands_beside_its_evidence(runs: tuple[Run, ...]) -> None:
    from evals.summary import wrong_cases

    html = page(runs)
    wrong = {case.id: case for one in runs for case, _ in wrong_cases(one)}
    assert wrong
    assert html.count('<div class="case">') == len(wrong)
    for case in wrong.values():
        assert f'<p class="why">{case.id}</p>' in html


def test_text_of_articles_and_models_is_escaped(runs: tuple[Run, ...]) -> None:
    evil = "<script>alert(1)</script>"
    cases = tuple(replace(case, question=evil) for case in runs[0].cases)
    assert evil not in page([replace(one, cases=cases, name=f"{one.name}{evil}") for one in runs])


def test_charts_place_marks_in_per_cent() -> None:
    svg = intervals([Row("who & what", (Mark(0, 0.5, 0.25, 0.75, "x"), Mark(1, None, None, None, "y")))], "t")
    assert 'cx="50.00%"' in svg
    assert 'x1="25.00%" x2="75.00%"' in svg
    assert "who &amp; what" in svg
    assert "not measured" in svg


def test_labels_of_equal_points_do_not_cover_each_other() -> None:
    points = [Point(n, f"m{n}", 2.0, 0.8, 0.7, 0.9) for n in range(3)]
    heights = re.findall(r'class="name"[^>]* y="([\d.]+)"', speed_against_quality(points, "t"))
    assert len({float(y) for y in heights}) == 3


def test_tables_are_the_same_in_markdown(runs: tuple[Run, ...]) -> None:
    table = metric_table(runs)
    assert table.columns == ("", "fake:a", "fake:b")
    assert len(markdown(table).strip().split("\n")) == len(table.rows) + 4
    assert any(row[0] == "unanswerable" for row in type_table(runs).rows)
