"""An OpenAI-compatible door, so that existing chat clients can talk to a library.

Sampling options are ignored: the program decides how the model is asked. A stream carries checked sentences,
not the model's draft. Every reply has the whole record under `citewire`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.errors import QuestionRefused
from bot.types import Answer, Finished, StatementReady, Turn
from bot.web.asking import Alive, Asking, Failed, Queued
from bot.web.routes.ask import STREAM_HEADERS, begin, keep, question_of
from bot.web.state import WebState, state_of, user_of
from bot.wire import answer_to_json

router = APIRouter(prefix="/v1", tags=["openai"])
MODEL = "citewire"


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatBody(BaseModel):
    model_config = ConfigDict(extra="ignore")
    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    stream: bool = False
    n: int = Field(1, ge=1, le=1)


def turns_of(messages: list[ChatMessage]) -> tuple[str, tuple[Turn, ...]]:
    """The last user message, and the pairs before it; system messages give no orders here.

    Raises:
        QuestionRefused: The last message is not the user's.
    """
    said = [m for m in messages if m.role in ("user", "assistant")]
    if not said or said[-1].role != "user":
        raise QuestionRefused("The last message must have the role 'user'.")
    turns: list[Turn] = []
    question = ""
    for message in said[:-1]:
        if message.role == "user":
            question = message.text
        elif question:
            turns.append(Turn(question, message.text))
            question = ""
    return said[-1].text, tuple(turns)


@router.get("/models", summary="The one model: this library")
def models(request: Request) -> dict[str, Any]:
    spec = state_of(request).desk.session.engine.spec
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "local", "answers_with": spec}],
    }


@router.post("/chat/completions", summary="Ask, as an OpenAI client does")
async def chat(body: ChatBody, request: Request) -> Any:
    state, user = state_of(request), user_of(request)
    text, turns = turns_of(body.messages)
    question = question_of(text, state.limits, turns[-state.limits.history_turns :])
    asking = begin(state, question, glance=False)
    if body.stream:
        return StreamingResponse(
            _chunks(state, user, asking, question.id), media_type="text/event-stream", headers=STREAM_HEADERS
        )
    events = asking.events()
    try:
        async for told in events:
            if isinstance(told, Finished):
                await asyncio.to_thread(keep, state, user, None, told.answer)
                return _completion(told.answer)
            if isinstance(told, Failed):
                return JSONResponse({"error": _error(told)}, told.http_status)
            if await request.is_disconnected():
                break
        return JSONResponse({"error": {"message": "Stopped.", "type": "stopped", "code": None}}, 409)
    finally:
        await events.aclose()  # type: ignore[attr-defined]  # an async generator, typed as its interface


def sources_of(answer: Answer) -> str:
    """The numbered quotes below an answer, as plain text."""
    seen: dict[int, str] = {}
    for statement in answer.statements:
        for c in statement.citations:
            where = ", ".join(part for part in (c.source, c.title, c.published) if part)
            seen.setdefault(c.n, f"[{c.n}] “{c.quote}” ({where})")
    return "\n".join(seen[n] for n in sorted(seen))


def _marked(text: str, citations: Any) -> str:
    return text + "".join(f" [{c.n}]" for c in citations)


def content_of(answer: Answer) -> str:
    said = " ".join(_marked(s.text, s.citations) for s in answer.statements) or answer.text
    sources = sources_of(answer)
    return f"{said}\n\n{sources}" if sources else said


def _completion(answer: Answer) -> dict[str, Any]:
    prompt, written = answer.tokens.prompt or 0, answer.tokens.completion or 0
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content_of(answer)},
                "finish_reason": "length" if answer.truncated else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
        },
        "citewire": answer_to_json(answer),
    }


def _error(failed: Failed) -> Mapping[str, Any]:
    return {"message": failed.message, "type": failed.kind, "code": failed.exit_code}


async def _chunks(state: WebState, user: str, asking: Asking, answer_id: str) -> AsyncIterator[str]:
    created = int(time.time())

    def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        line = {
            "id": f"chatcmpl-{answer_id}",
            "object": "chat.completion.chunk",
            "created": created,
            "model": MODEL,
            "choices": [choice],
            **more,
        }
        return f"data: {json.dumps(line, ensure_ascii=False)}\n\n"

    said = 0
    events = asking.events()
    try:
        yield chunk({"role": "assistant", "content": ""})
        async for told in events:
            if isinstance(told, Alive | Queued):
                yield ": waiting\n\n"
            elif isinstance(told, StatementReady):
                gap = " " if said else ""
                said += 1
                yield chunk({"content": gap + _marked(told.statement.text, told.statement.citations)})
            elif isinstance(told, Failed):
                yield f"data: {json.dumps({'error': _error(told)}, ensure_ascii=False)}\n\n"
            elif isinstance(told, Finished):
                await asyncio.to_thread(keep, state, user, None, told.answer)
                sources = sources_of(told.answer)
                rest = "" if said else told.answer.text
                rest += f"\n\n{sources}" if sources else ""
                if rest:
                    yield chunk({"content": rest})
                yield chunk(
                    {}, "length" if told.answer.truncated else "stop", citewire=answer_to_json(told.answer)
                )
        yield "data: [DONE]\n\n"
    finally:
        await events.aclose()  # type: ignore[attr-defined]
