import json
from pathlib import Path
from typing import Any

import pytest

from evals.errors import RunDamaged
from evals.records import Ledger, file_name, read_runs
from evals.runner import Done, run
from evals.suites import load_suite, select
from evals.summary import judged
from evals.tables import JUDGE_AGREES, JUDGED, metric_table
from evals.types import Failure, Result
from tests.evals.fakes import FakeWorkbench, by_hash

SUITE = load_suite("deal")
CASES = select(SUITE.cases, limit=12)
MODELS = ["fake:a", "fake:b"]


def results(out: Path, model: str) -> bytes:
    return (out / "models" / f"{file_name(model)}.jsonl").read_bytes()


def test_every_case_is_asked_of_every_model_one_model_at_a_time(tmp_path: Path) -> None:
    bench = FakeWorkbench(SUITE)
    done = run(SUITE, CASES, MODELS, tmp_path, bench)
    assert [(one.spec, one.asked, one.missing) for one in done] == [("fake:a", 12, ""), ("fake:b", 12, "")]
    assert bench.closed == MODELS
    for one in read_runs(tmp_path):
        assert list(one.results) == [case.id for case in CASES]
        assert one.header["cases"] == [case.id for case in CASES]


def test_the_header_says_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE), selection={"limit": 12})
    header = json.loads(results(tmp_path, "fake:a").split(b"\n")[0])
    assert header["model_digest"] == "digest of fake:a"
    assert header["suite_sha256"] == SUITE.sha256
    assert header["index"] == ["fp0"]
    assert header["options"] == {"k": 10}
    assert header["selection"] == {"limit": 12}
    assert len(header["code_sha256"]) == 64
    assert all(len(digest) == 16 for digest in header["prompts"].values())
    assert {"python", "xllamacpp", "numpy"} <= set(header["versions"])
    assert header["machine"]["cores"] >= 1


def test_an_interrupted_run_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    asked = 0

    def stopping(spec: str, case: Any) -> str:
        nonlocal asked
        asked += 1
        if asked == 6:
            raise Stop
        return by_hash(spec, case)

    run(SUITE, CASES, ["fake:a"], tmp_path / "whole", FakeWorkbench(SUITE))
    with pytest.raises(Stop):
        run(SUITE, CASES, ["fake:a"], tmp_path / "cut", FakeWorkbench(SUITE, stopping))
    (done,) = run(SUITE, CASES, ["fake:a"], tmp_path / "cut", FakeWorkbench(SUITE))
    assert done.asked == 7
    assert results(tmp_path / "cut", "fake:a") == results(tmp_path / "whole", "fake:a")
    assert (run(SUITE, CASES, ["fake:a"], tmp_path / "cut", FakeWorkbench(SUITE))[0]).asked == 0


def test_a_half_written_line_is_dropped_and_its_case_asked_again(tmp_path: Path) -> None:
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE))
    path = tmp_path / "models" / "fake-a.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE))
    assert path.read_bytes() == whole


def test_a_case_that_fails_is_recorded_as_failed_with_its_error(tmp_path: Path) -> None:
    def failing(spec: str, case: Any) -> str:
        return "raise" if case.id == CASES[3].id else "abstain"

    (done,) = run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE, failing))
    assert (done.asked, done.failed) == (12, 1)
    (one,) = read_runs(tmp_path)
    assert one.results[CASES[3].id].failure == Failure("ModelUnavailable", "The model is gone.")
    assert one.results[CASES[3].id].answer is None


def test_our_own_bug_in_one_case_does_not_end_the_run(tmp_path: Path) -> None:
    def broken(spec: str, case: Any) -> str:
        if case.id == CASES[0].id:
            raise KeyError("oops")
        return "abstain"

    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE, broken))
    failure = read_runs(tmp_path)[0].results[CASES[0].id].failure
    assert failure is not None
    assert failure.type == "KeyError"


def test_a_missing_model_is_reported_and_the_others_run(tmp_path: Path) -> None:
    done = run(SUITE, CASES, ["fake:a", "missing:x", "fake:b"], tmp_path, FakeWorkbench(SUITE))
    assert done[1] == Done("missing:x", 0, 0, 0.0, missing="Model 'missing:x' is not there.")
    assert [one.name for one in read_runs(tmp_path)] == ["fake:a", "fake:b"]


def test_another_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE))
    with pytest.raises(RunDamaged, match="other cases"):
        run(SUITE, CASES[:5], ["fake:a"], tmp_path, FakeWorkbench(SUITE))
    archive = load_suite("archive")
    with pytest.raises(RunDamaged, match="other cases or articles"):
        run(archive, archive.cases[:2], ["fake:a"], tmp_path, FakeWorkbench(archive))


def test_times_and_tokens_come_back_with_the_answers(tmp_path: Path) -> None:
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE, lambda spec, case: "abstain"))
    (one,) = read_runs(tmp_path)
    answer = one.results[CASES[0].id].answer
    assert answer is not None
    assert answer["timings_s"]["first_token"] == 0.5
    assert answer["tokens"]["completion"] == 12
    assert "started" in one.sessions[0]
    assert one.sessions[-1]["asked"] == 12


def test_the_judge_is_kept_apart_and_may_not_be_the_model_under_test(tmp_path: Path) -> None:
    from evals.judge import refuse_self_judging
    from store.errors import ConfigError

    with pytest.raises(ConfigError, match="cannot judge its own"):
        refuse_self_judging("fake:a", MODELS)
    judge = lambda case, answer: {"right": True}  # noqa: E731
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE), judge=judge, judge_spec="fake:j")
    (one,) = read_runs(tmp_path)
    assert {dict(r.judge).get("right") for r in one.results.values() if r.answer} == {True}
    right = sum(agrees for _, agrees in judged(one))
    assert 0 < right < len(judged(one))
    rows = {row[0]: row[1] for row in metric_table([one]).rows}
    assert rows[JUDGED].startswith("100.0 %")
    assert rows[JUDGE_AGREES].startswith(f"{100 * right / len(judged(one)):.1f} %")


def test_the_results_file_is_on_disk_after_each_case(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "fake:a")
    ledger.begin({"model": "fake:a"}, {})
    ledger.add(Result("c1", None, Failure("X", "y")))
    assert len(ledger.results_path.read_text().split("\n")) == 3


def test_a_damaged_results_file_is_named_with_its_line(tmp_path: Path) -> None:
    run(SUITE, CASES, ["fake:a"], tmp_path, FakeWorkbench(SUITE))
    path = tmp_path / "models" / "fake-a.jsonl"
    lines = path.read_text().split("\n")
    path.write_text("\n".join([lines[0], "{broken", *lines[2:]]))
    with pytest.raises(RunDamaged, match=r"fake-a\.jsonl:2 is not JSON"):
        read_runs(tmp_path)
    with pytest.raises(RunDamaged, match="holds no run"):
        read_runs(tmp_path / "models")
