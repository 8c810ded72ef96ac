"""The commands with a chain that says what it is told: output, exit codes, errors as JSON."""

import io
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import pytest

from bot.answers import AnswerRecords
from bot.cli.main import COMMANDS, run
from bot.cli.replay import differences
from bot.errors import ModelMissing
from bot.types import Answer, Event, Finished, Question, Retrieved, StatementReady, TokenWritten
from store.errors import CitewireError
from store.ingest import ingest
from tests.bot.samples import ABSTENTION, ANSWER, HIT
from tests.fakes import FakeEmbedder

Outcome = Answer | BaseException


class FakeSession:
    """Answers in the order it was told; an error among them is raised when its turn comes."""

    asked: list[Question]
    read_as: str = ""

    def __init__(self, folder: Path, outcomes: Sequence[Outcome]) -> None:
        self.library = SimpleNamespace(path=folder)
        self.outcomes = list(outcomes)
        self.asked = []
        self.cancelled: list[threading.Event] = []
        self.chain = self

    def events(self, question: Question, cancel: threading.Event) -> Iterator[Event]:
        self.asked.append(question)
        self.cancelled.append(cancel)
        outcome = self.outcomes.pop(0)
        yield Retrieved(self.read_as or question.text, (HIT,))
        yield TokenWritten("Wrote")
        if isinstance(outcome, BaseException):
            raise outcome
        for statement in outcome.statements:
            yield StatementReady(statement)
        yield Finished(replace(outcome, question=question.text, id=question.id or outcome.id))

    def answer(self, question: Question) -> Answer:
        *_, last = self.events(question, threading.Event())
        assert isinstance(last, Finished)
        return last.answer

    def __enter__(self) -> "FakeSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


@pytest.fixture
def library(tmp_path: Path) -> Path:
    source = tmp_path / "one.txt"
    source.write_text("The ship left.\n\nIt was a ship of the bank, and it rained.", "utf-8")
    ingest(tmp_path / "library", [source], embedder=FakeEmbedder())
    return tmp_path / "library"


@pytest.fixture
def session(library: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    made = FakeSession(library, [ANSWER])
    monkeypatch.setattr("bot.assemble.Session", lambda settings, keep=False, notify=None: made)
    monkeypatch.setattr("bot.weights.status", lambda name: SimpleNamespace(state="present"))
    monkeypatch.setenv("CITEWIRE_LIBRARY", str(library))
    return made


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    def type_(raw: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    return type_


Captured = pytest.CaptureFixture[str]


def test_ask_prints_the_cited_answer(session: FakeSession, capsys: Captured) -> None:
    assert run(["ask", "How many did it carry?"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The ferry carried 212 passengers. [1] (✓ supported)\n\n[1] “The ferry carried")
    assert "\x1b" not in out
    assert session.cancelled[0].is_set()


def test_ask_tells_how_a_question_was_understood(session: FakeSession, capsys: Captured) -> None:
    session.read_as = ANSWER.standalone_question
    run(["ask", "How many did it carry?"])
    told = capsys.readouterr()
    assert "Understood as: How many passengers did the ferry carry?" in told.err
    assert "Understood as" not in told.out


def test_ask_keeps_a_record(session: FakeSession, library: Path) -> None:
    run(["ask", "How many did it carry?"])
    assert AnswerRecords(library).load(ANSWER.id) == ANSWER


def test_abstention_exits_3(session: FakeSession) -> None:
    session.outcomes = [ABSTENTION]
    assert run(["ask", "Who built it?"]) == 3


def test_json_is_one_object_on_one_line(session: FakeSession, capsys: Captured) -> None:
    assert run(["ask", "How many did it carry?", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["statements"][0]["citations"][0]["quote"] == HIT.text


def test_ndjson_streams_events_in_order(session: FakeSession, capsys: Captured) -> None:
    assert run(["ask", "How many?", "--ndjson"]) == 0
    kinds = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["retrieved", "token", "statement", "answer"]


def test_question_comes_from_standard_input(session: FakeSession, typed: Any) -> None:
    typed("Wie viele? É".encode())
    assert run(["ask", "-"]) == 0
    assert session.asked[0].text == "Wie viele? É"


def test_standard_input_that_is_not_utf8_is_refused(
    session: FakeSession, typed: Any, capsys: Captured
) -> None:
    typed(b"Caf\xe9?")
    assert run(["ask", "-"]) == 65
    assert "not UTF-8 at character 3" in capsys.readouterr().err


def test_history_and_as_of_reach_the_chain(session: FakeSession, tmp_path: Path) -> None:
    history = tmp_path / "h.json"
    history.write_text('[{"question": "Who?", "answer": "Ines."}]', "utf-8")
    run(["ask", "And when?", "--history", str(history), "--as-of", "2021-03-04"])
    asked = session.asked[0]
    assert (asked.history[0].answer, asked.as_of and asked.as_of.isoformat()) == ("Ines.", "2021-03-04")


def test_batch_answers_in_order_and_goes_on_after_a_failed_line(
    session: FakeSession, tmp_path: Path, capsys: Captured
) -> None:
    batch = tmp_path / "q.jsonl"
    lines = [
        '{"id": 1, "question": "A?"}',
        "{broken",
        "",
        '{"id": "c", "question": "C?"}',
        '{"id": "d", "question": 4}',
    ]
    batch.write_bytes(
        "\n".join(lines).encode() + b'\n{"id": "e", "question": "\xff?"}\n{"id": "f", "question": "F?"}'
    )
    session.outcomes = [ANSWER, ModelMissing("gone"), ABSTENTION]
    assert run(["ask", "--batch", str(batch)]) == 65
    got = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["id"], one.get("error", {}).get("type")) for one in got] == [
        (1, None),
        (None, "QuestionRefused"),
        ("c", "ModelMissing"),
        ("d", "QuestionRefused"),
        (None, "QuestionRefused"),
        ("f", None),
    ]
    assert got[-1]["abstained"] is True


def test_batch_from_standard_input(session: FakeSession, typed: Any, capsys: Captured) -> None:
    typed(b'{"id": "x", "question": "A?"}\n')
    assert run(["ask", "--batch", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "x"


def test_batch_file_that_is_not_there(session: FakeSession, capsys: Captured) -> None:
    assert run(["ask", "--batch", "/none.jsonl"]) == 65
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 65


def test_error_is_one_plain_line_and_its_exit_code(session: FakeSession, capsys: Captured) -> None:
    session.outcomes = [ModelMissing("Model x is not installed.\x1b[31m\nRun `ollama pull x`.")]
    assert run(["ask", "Q?"]) == 69
    captured = capsys.readouterr()
    assert captured.err == "citewire: Model x is not installed.[31m Run `ollama pull x`.\n"
    assert captured.out == ""


def test_error_is_json_too_where_json_was_asked_for(session: FakeSession, capsys: Captured) -> None:
    session.outcomes = [ModelMissing("gone")]
    run(["ask", "Q?", "--json"])
    assert json.loads(capsys.readouterr().out) == {
        "error": {"type": "ModelMissing", "message": "gone", "exit_code": 69}
    }
    session.outcomes = [ModelMissing("gone")]
    run(["ask", "Q?", "--ndjson"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["event"] == "error"


def test_our_bug_exits_70_and_only_debug_shows_the_traceback(session: FakeSession, capsys: Captured) -> None:
    session.outcomes = [ZeroDivisionError("x"), ZeroDivisionError("x")]
    assert run(["ask", "Q?"]) == 70
    plain = capsys.readouterr().err
    assert "Traceback" not in plain
    assert "--debug" in plain
    assert run(["ask", "Q?", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_full_disk_exits_74(session: FakeSession, capsys: Captured) -> None:
    session.outcomes = [OSError(28, "No space left on device", "/x")]
    assert run(["ask", "Q?"]) == 74
    assert "No space left on device (/x)" in capsys.readouterr().err


def test_f01_ctrl_c_exits_130_and_stops_the_model(session: FakeSession, capsys: Captured) -> None:
    session.outcomes = [KeyboardInterrupt()]
    assert run(["ask", "Q?"]) == 130
    assert session.cancelled[0].is_set()
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask"], "give a QUESTION"),
        (["ask", "Q?", "--batch", "x"], "give a QUESTION"),
        (["ask", "Q?", "--as-of", "soon"], "not 'soon'"),
        (["ask", "--no-such", "Q?"], "--no-such"),
        (["nonsense"], "nonsense"),
        (["ingest"], "give a PATH"),
        (["articles", "show"], "ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_exit_2_with_one_line(words: list[str], said: str, capsys: Captured) -> None:
    assert run(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("citewire: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: Captured) -> None:
    assert run([command, "--help"]) == 0
    out = capsys.readouterr().out
    if command in ("articles", "models"):
        assert run([command, "list", "--help"]) == 0
        out = capsys.readouterr().out
    assert "Example" in out
    assert f"citewire {command}" in out


def test_first_run_says_how_to_begin(capsys: Captured) -> None:
    assert run(["ask", "Q?"]) == 66
    assert "citewire ingest --seed" in capsys.readouterr().err


def test_named_library_that_is_not_there_is_not_a_first_run(capsys: Captured, tmp_path: Path) -> None:
    assert run(["ask", "Q?", "--library", str(tmp_path / "none")]) == 66
    err = capsys.readouterr().err
    assert str(tmp_path / "none") in err
    assert not (tmp_path / "none").exists()


def test_ingest_counts_and_lists_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("bot.assemble.embedder_for", lambda settings, progress=None: FakeEmbedder())
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("The ship left the bank.", "utf-8")
    bad.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    words = ["ingest", str(good), str(bad), "--library", str(tmp_path / "new")]
    assert run(words) == 65
    captured = capsys.readouterr()
    assert captured.out.startswith("1 added, 0 updated, 0 unchanged, 1 refused; 1 new passages in ")
    assert f"refused: {bad}: " in captured.err
    assert run([*words, "--json"]) == 65
    again = json.loads(capsys.readouterr().out)
    assert (again["added"], again["unchanged"], len(again["refused"])) == (0, 1, 1)


def test_articles_are_listed_shown_and_removed(library: Path, capsys: Captured) -> None:
    at = ["--library", str(library)]
    assert run(["articles", "list", "--json", *at]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["total"] == 1
    article_id = listed["articles"][0]["id"]
    assert run(["articles", "show", article_id, *at]) == 0
    assert "It was a ship of the bank" in capsys.readouterr().out
    assert run(["articles", "remove", article_id, "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 1, "purged": False}
    assert run(["articles", "show", article_id, *at]) == 65


def test_lexical_search_needs_no_embedder(library: Path, capsys: Captured) -> None:
    words = ["search", "ship", "--retriever", "lexical", "--json", "--library", str(library)]
    assert run(words) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert "ship" in hits[0]["text"]
    assert run(["search", "zebra", "--retriever", "lexical", "--library", str(library)]) == 3


def test_verify_finds_a_sound_library_sound(library: Path, capsys: Captured) -> None:
    assert run(["verify", "--library", str(library), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sound"] is True


def test_chat_keeps_the_conversation_after_an_error_and_a_stop(
    session: FakeSession, typed: Any, capsys: Captured
) -> None:
    session.outcomes = [ANSWER, CitewireError("broke"), KeyboardInterrupt(), ANSWER]
    typed(
        b"How many?\nAnd then?\nAnd when?\nWho?\n/why\n/sources\n/as-of 2021-03-04\n/nonsense\n/quit\nNever?\n"
    )
    assert run(["chat"]) == 0
    captured = capsys.readouterr()
    assert [(one.text, len(one.history)) for one in session.asked] == [
        ("How many?", 0),
        ("And then?", 1),
        ("And when?", 1),
        ("Who?", 1),
    ]
    assert captured.out.index("Found:") < captured.out.index("(✓ supported)")
    assert "probability: 0.970" in captured.out
    for said in ("citewire: broke", "Stopped.", "by 2021-03-04", "no command '/nonsense'"):
        assert said in captured.err
    assert all(event.is_set() for event in session.cancelled)


def test_replay_says_what_changed(session: FakeSession, library: Path, capsys: Captured) -> None:
    AnswerRecords(library).save(ANSWER)
    session.outcomes = [replace(ANSWER, model_digest="cd34")]
    assert run(["replay", ANSWER.id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["changes"]) == (False, {"model_digest": ["ab12", "cd34"]})
    assert session.asked[0].text == ANSWER.standalone_question


def test_replay_overlooks_times_and_ids() -> None:
    assert differences(ANSWER, replace(ANSWER, id="other", timings_s={"retrieve": 9.0, "total": 9.0})) == {}


def test_replay_of_an_unknown_answer_exits_65(session: FakeSession) -> None:
    assert run(["replay", "ffff"]) == 65


def test_doctor_tells_of_variables_it_ignores(
    library: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, loopback: None
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    assert run(["doctor", "--json", "--library", str(library), "--embedder", "fake:words"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is True
    assert any("LANGSMITH_TRACING" in check["detail"] for check in told["checks"])


def test_doctor_names_another_embedder(library: Path, capsys: Captured, loopback: None) -> None:
    assert run(["doctor", "--library", str(library)]) == 78
    assert "built with fake:words" in capsys.readouterr().out


def test_version_is_the_installed_one(capsys: Captured) -> None:
    from importlib.metadata import version

    assert run(["version"]) == 0
    assert capsys.readouterr().out == f"citewire {version('citewire')}\n"
