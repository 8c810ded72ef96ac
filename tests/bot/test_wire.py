"""The JSON contract: round trips, its schema, and questions refused with the reason."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.errors import ModelMissing, QuestionRefused
from bot.types import Answer, Conflict, Finished, Question, Retrieved, StatementReady, TokenWritten, Turn
from bot.wire import answer_from_json, answer_to_json, error_to_json, event_to_json, question_from_json
from tests.bot.samples import ABSTENTION, ANSWER, HIT

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "answer.schema.json").read_text("utf-8"))
PROMISED = (
    "id question standalone_question answer abstained reason statements conflicts hits model model_digest"
    " prompts timings_s tokens as_of"
).split()


@pytest.mark.parametrize("answer", [ANSWER, ABSTENTION], ids=["answer", "abstention"])
def test_answer_survives_the_round_trip_through_text(answer: Answer) -> None:
    assert answer_from_json(json.loads(json.dumps(answer_to_json(answer)))) == answer


def test_conflicts_survive_the_round_trip() -> None:
    from dataclasses import replace

    answer = replace(ANSWER, conflicts=(Conflict("How many?", ANSWER.statements),))
    assert answer_from_json(answer_to_json(answer)) == answer


def test_every_promised_field_is_there() -> None:
    assert set(PROMISED) <= set(answer_to_json(ANSWER))


@pytest.mark.parametrize("answer", [ANSWER, ABSTENTION], ids=["answer", "abstention"])
def test_answers_follow_the_schema(answer: Answer) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(answer_to_json(answer))


@pytest.mark.parametrize(
    "change",
    [{"abstained": "no"}, {"reason": "tired"}, {"statements": [{"text": "x"}]}, {"as_of": 3}, {"hits": None}],
    ids=str,
)
def test_schema_refuses_what_is_no_answer(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(answer_to_json(ANSWER) | change)


def test_record_with_a_quote_that_does_not_span_its_offsets_is_refused() -> None:
    raw = answer_to_json(ANSWER)
    raw["statements"][0]["citations"][0]["end"] += 1
    with pytest.raises(ValueError, match="does not span"):
        answer_from_json(raw)


def test_record_without_a_field_is_refused() -> None:
    raw = answer_to_json(ANSWER)
    del raw["hits"]
    with pytest.raises(ValueError, match="hits"):
        answer_from_json(raw)


def test_events_name_themselves() -> None:
    events = (
        Retrieved("q", (HIT,)),
        TokenWritten("The"),
        StatementReady(ANSWER.statements[0]),
        Finished(ANSWER),
    )
    assert [event_to_json(event)["event"] for event in events] == [
        "retrieved",
        "token",
        "statement",
        "answer",
    ]


def test_error_carries_type_message_and_exit_code() -> None:
    assert error_to_json(ModelMissing("gone")) == {
        "error": {"type": "ModelMissing", "message": "gone", "exit_code": 69}
    }


def test_whole_question_is_read() -> None:
    raw = {
        "id": 7,
        "question": "And then?",
        "history": [{"question": "Who?", "answer": "Ines."}],
        "as_of": "2021-03-04",
    }
    assert question_from_json(raw) == Question("And then?", (Turn("Who?", "Ines."),), date(2021, 3, 4), "7")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (["q"], "A question is an object"),
        ({"question": 3}, "not int"),
        ({"questoin": "Who?"}, "'questoin'"),
        ({"question": "Who?", "id": [1]}, "'id'"),
        ({"question": "Who?", "as_of": "yesterday"}, "'yesterday'"),
        ({"question": "Who?", "history": "Who?"}, "'history'"),
        ({"question": "Who?", "history": [{"question": "Who?"}]}, "Turn 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_question_says_what_is_wrong(raw: Any, said: str) -> None:
    with pytest.raises(QuestionRefused, match=said.replace("[", r"\[")):
        question_from_json(raw)
