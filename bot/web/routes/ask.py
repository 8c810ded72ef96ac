"""Asking over HTTP: a stream of events, or one answer; stopping; searching without a model."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.errors import QuestionRefused
from bot.types import Answer, Finished, Question, Turn
from bot.web.asking import Asking, Failed, Told, found, glance_at
from bot.web.limits import WebLimits
from bot.web.state import WebState, state_of, user_of
from bot.web.told import line_of, told_to_json
from bot.wire import answer_to_json

router = APIRouter(prefix="/api", tags=["ask"])
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")


class QuestionTooLong(QuestionRefused):
    http_status = 413


class TurnBody(BaseModel):
    """An earlier question and its answer."""

    model_config = ConfigDict(strict=True)
    question: str
    answer: str


class AskBody(BaseModel):
    """A question, as `citewire ask --batch` takes it, and what only the web has."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(strict=True, description="Up to 4,000 characters.")
    history: list[TurnBody] = Field(default_factory=list, max_length=50)
    as_of: date | None = Field(None, description="Only articles published on or before this day are seen.")
    conversation: str | None = Field(
        None, description="A conversation kept on the server; `new` starts one. Its turns replace `history`."
    )
    stream: bool = Field(True, description="False gives one JSON object instead of NDJSON events.")


def question_of(
    asked: str, limits: WebLimits, history: tuple[Turn, ...] = (), as_of: date | None = None
) -> Question:
    """The question without control characters.

    Raises:
        QuestionRefused: Empty, too long, or not encodable as UTF-8.
    """
    if len(asked) > limits.question_chars:
        raise QuestionTooLong(
            f"The question limit is {limits.question_chars:,} characters; this one has {len(asked):,}."
        )
    text = _CONTROL.sub("", asked).strip()
    if not text:
        raise QuestionRefused("The question is empty. Type one.")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise QuestionRefused("The question holds half of a character (a lone surrogate). Type it again.")
    # The record of an answer is found by this id alone, so it must not be guessable.
    return Question(text, history, as_of, id=secrets.token_hex(16))


def begin(state: WebState, question: Question, *, glance: bool = True) -> Asking:
    """Takes a place in the line.

    Raises:
        ModelBusy: The line is full.
        CitewireError: No session is open.
    """
    session = state.desk.session
    ticket = state.line.join()
    waits = ticket.ahead > 0 or bool(question.history)
    return Asking(
        ticket,
        lambda cancel: state.desk.session.chain.events(question, cancel),
        state.limits,
        state.pool,
        glance_at(session.library, question) if glance and waits else None,
    )


@router.post(
    "/ask",
    summary="Ask a question",
    response_description="NDJSON: accepted, queued, retrieved, token, statement, answer, error, alive",
)
async def ask(body: AskBody, request: Request) -> Any:
    state, user = state_of(request), user_of(request)
    history = tuple(Turn(t.question, t.answer) for t in body.history)
    conversation = body.conversation
    if conversation == "new":
        conversation = state.conversations.create(user)
    elif conversation is not None:
        most = state.limits.history_turns
        history = await asyncio.to_thread(state.conversations.turns, user, conversation, most)
    question = question_of(body.question, state.limits, history, body.as_of)
    asking = begin(state, question, glance=body.stream)
    ask_id = secrets.token_hex(16)
    state.asks[ask_id] = (user, asking)
    told = _kept(state, user, ask_id, conversation, asking)
    if not body.stream:
        return await _whole(told, request, asking)
    opening = {"event": "accepted", "ask": ask_id, "conversation": conversation, "id": question.id}
    return StreamingResponse(_lines(opening, told), media_type="application/x-ndjson", headers=STREAM_HEADERS)


STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/ask/{ask_id}/stop", summary="Stop a question under way", status_code=202)
def stop(ask_id: str, request: Request) -> dict[str, bool]:
    """Stops the model. Closing the connection does the same; this works through a buffering proxy too."""
    owner, asking = state_of(request).asks.get(ask_id, ("", None))
    if asking is None or owner != user_of(request):
        return {"stopped": False}
    asking.stop()
    return {"stopped": True}


async def _kept(
    state: WebState, user: str, ask_id: str, conversation: str | None, asking: Asking
) -> AsyncIterator[Told]:
    """The events; the answer's record is kept before anyone hears of it."""
    events = asking.events()
    try:
        async for told in events:
            if isinstance(told, Finished):
                await asyncio.shield(asyncio.to_thread(keep, state, user, conversation, told.answer))
            yield told
    finally:
        state.asks.pop(ask_id, None)
        asking.stop()
        await events.aclose()  # type: ignore[attr-defined]  # an async generator, typed as its interface


def keep(state: WebState, user: str, conversation: str | None, answer: Answer) -> None:
    """Stores the record, and the exchange where it belongs to a conversation."""
    state.answers.save(answer)
    if conversation is not None:
        state.conversations.add(user, conversation, answer.question, answer.text, answer.id)


async def _lines(opening: Mapping[str, Any], told: AsyncIterator[Told]) -> AsyncIterator[str]:
    yield line_of(opening)
    try:
        async for one in told:
            yield line_of(told_to_json(one))
    finally:
        await told.aclose()  # type: ignore[attr-defined]


async def _whole(told: AsyncIterator[Told], request: Request, asking: Asking) -> JSONResponse:
    watch = asyncio.create_task(_stop_when_gone(request, asking))
    try:
        async for one in told:
            if isinstance(one, Finished):
                return JSONResponse(answer_to_json(one.answer))
            if isinstance(one, Failed):
                return JSONResponse({"error": one.as_mapping()}, one.http_status)
        return JSONResponse(
            {"error": {"type": "Stopped", "message": "The answer was stopped.", "exit_code": 130}}, 409
        )
    finally:
        watch.cancel()


async def _stop_when_gone(request: Request, asking: Asking) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.5)
    asking.stop()


@router.get("/search", summary="Find passages, without a model")
def search(
    request: Request,
    q: str = Query(max_length=4_000, min_length=1, description="Words to look for."),
    k: int = Query(10, ge=1, le=50),
    as_of: date | None = None,
) -> dict[str, Any]:
    library = state_of(request).desk.session.library
    hits = library.search(q, k, as_of=as_of)
    listed = [(hit, found(hit, library)) for hit in hits]
    return {
        "query": q,
        "hits": [
            {
                "article_id": passage.article_id,
                "title": passage.title,
                "source": passage.source,
                "published": passage.published,
                "start": passage.start,
                "end": passage.end,
                "text": passage.text,
                "score": passage.score,
                "rank": hit.rank,
                "retriever": hit.retriever,
            }
            for hit, passage in listed
        ],
    }
