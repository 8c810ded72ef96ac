"""Answer records over HTTP: read, copy as Markdown, judge, export as a case."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from bot.errors import QuestionRefused
from bot.web.state import WebState, state_of
from bot.wire import answer_from_json, answer_to_json
from store.errors import InputRefused

router = APIRouter(prefix="/api/answers", tags=["answers"])
Verdict = Literal["good", "wrong_answer", "wrong_evidence", "should_have_refused"]


class Feedback(BaseModel):
    kind: Verdict
    note: str = Field("", max_length=2_000)


def record_of(state: WebState, answer_id: str) -> Mapping[str, Any]:
    """Raises: NoSuchAnswer: No such record, or not the shape of an id."""
    try:
        return answer_to_json(state.answers.load(answer_id))
    except InputRefused as error:
        # The error of the records names a folder of this machine, which a visitor need not know.
        raise NoSuchAnswer("There is no answer of this id. Its record may have been deleted.") from error


class NoSuchAnswer(InputRefused):
    http_status = 404


def markdown_of(record: Mapping[str, Any]) -> str:
    from bot.render import to_markdown

    return to_markdown(answer_from_json(record))


@router.get("/{answer_id}", summary="The record of an answer")
def read(answer_id: str, request: Request) -> dict[str, Any]:
    state = state_of(request)
    record = record_of(state, answer_id)
    return {"answer": dict(record), "feedback": [dict(f) for f in state.answers.feedback_of(answer_id)]}


@router.get("/{answer_id}/answer.md", summary="As Markdown with its citations")
def markdown(answer_id: str, request: Request) -> PlainTextResponse:
    return PlainTextResponse(markdown_of(record_of(state_of(request), answer_id)), media_type="text/markdown")


@router.post("/{answer_id}/feedback", summary="Say whether it was right", status_code=201)
def judge(answer_id: str, body: Feedback, request: Request) -> dict[str, str]:
    """Stored beside the whole record; the last word of a reader counts."""
    state = state_of(request)
    record_of(state, answer_id)
    if any("\ud800" <= c <= "\udfff" for c in body.note):
        raise QuestionRefused("The note holds half of a character. Type it again.")
    state.answers.feedback(answer_id, body.kind, body.note)
    return {"id": answer_id, "kind": body.kind}


@router.get("/{answer_id}/case.json", summary="As a case for the eval suite")
def case(answer_id: str, request: Request) -> dict[str, Any]:
    """A draft: the reader's note holds what is right, where there is one."""
    state = state_of(request)
    record = record_of(state, answer_id)
    judged = state.answers.feedback_of(answer_id)
    return case_of(record, judged[-1] if judged else {})


def case_of(record: Mapping[str, Any], feedback: Mapping[str, Any]) -> dict[str, Any]:
    """A case line; evidence and answers are filled in only from what the reader confirmed."""
    kind, note = feedback.get("kind"), str(feedback.get("note", ""))
    good = kind == "good" and not record["abstained"]
    answerable = kind != "should_have_refused" and not (kind == "good" and record["abstained"])
    quotes = [
        {"article": c["article_id"], "quote": c["quote"]}
        for s in record["statements"]
        for c in s["citations"]
        if s["support"] == "supported"
    ]
    return {
        "id": f"feedback-{record['id'][:12]}",
        "question": record["standalone_question"],
        "history": [],
        "answerable": answerable,
        "answers": [record["answer"]] if good else [note] if note and answerable else [],
        "evidence": quotes if good else [],
        "as_of": record["as_of"],
        "type": "feedback",
        "tags": [kind] if kind else [],
    }
