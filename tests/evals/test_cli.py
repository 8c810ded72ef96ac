import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals.bench_cli import app as bench_app
from evals.cli import app
from evals.errors import CasesRefused, GateBroken
from evals.runner import run
from evals.suites import load_suite
from store.errors import ConfigError
from tests.evals.fakes import FakeWorkbench

SUITE = load_suite("deal")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    run(SUITE, SUITE.cases[:12], ["fake:a", "fake:b"], out, FakeWorkbench(SUITE))
    return out


def test_a_bad_case_file_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('{"id": "a", "question": "?", "answerable": true, "x": 1}\n')
    (tmp_path / "articles.jsonl").write_text(json.dumps({"id": "a", "title": "T", "text": "It opened."}))
    out = tmp_path / "out"
    arguments = ["run", "--cases", str(tmp_path / "cases.jsonl"), "--model", "fake:a", "--out", str(out)]
    found = CliRunner().invoke(app, arguments)
    assert isinstance(found.exception, CasesRefused)
    assert "cases.jsonl:1: unknown key 'x'" in str(found.exception)
    assert not out.exists()


def test_compare_of_a_model_with_itself_says_no_difference_shown(folder: Path) -> None:
    found = CliRunner().invoke(app, ["compare", str(folder), "--model", "fake:a", "--model", "fake:a"])
    assert found.exit_code == 0
    assert "no difference shown" in found.stdout
    assert "is better" not in found.stdout


def test_two_models_of_one_folder_are_compared_by_default(folder: Path) -> None:
    found = CliRunner().invoke(app, ["compare", str(folder), "--markdown"])
    assert found.exit_code == 0
    assert "first: fake:a" in found.stdout
    assert "What differs: model." in found.stdout


def test_report_writes_a_page_or_markdown(folder: Path, tmp_path: Path) -> None:
    html = tmp_path / "deep" / "report.html"
    assert CliRunner().invoke(app, ["report", str(folder), "--html", str(html)]).exit_code == 0
    assert html.read_text().startswith("<!doctype html>")
    found = CliRunner().invoke(app, ["report", str(folder), "--markdown"])
    assert "| right answers |" in found.stdout


@pytest.mark.parametrize(("at_least", "code"), [(0.0, 0), (1.0, 1)])
def test_the_gate_tells_by_its_exit_code(folder: Path, tmp_path: Path, at_least: float, code: int) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text(f'[[check]]\nmetric = "accuracy"\nat_least = {at_least}\n')
    assert CliRunner().invoke(app, ["gate", str(folder), "--thresholds", str(gate)]).exit_code == code


def test_a_gate_over_no_run_is_broken_not_failed(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text('[[check]]\nmetric = "accuracy"\nat_least = 0.5\n')
    found = CliRunner().invoke(app, ["gate", str(tmp_path), "--thresholds", str(gate)])
    assert isinstance(found.exception, GateBroken)
    assert found.exception.exit_code == 2


def test_an_unknown_bench_is_refused_before_any_is_run() -> None:
    found = CliRunner().invoke(bench_app, ["--json", "first-tokn"])
    assert isinstance(found.exception, ConfigError)
    assert "first-token" in str(found.exception)
