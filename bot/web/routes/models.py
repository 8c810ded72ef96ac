"""Models over HTTP: which answers, what others there are, switching, and two side by side."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from bot.types import Finished, Question
from bot.web.asking import Failed
from bot.web.desk import error_words
from bot.web.routes.ask import STREAM_HEADERS, question_of
from bot.web.state import WebState, state_of
from bot.web.told import line_of, told_to_json
from store.errors import CitewireError, ConfigError

router = APIRouter(prefix="/api", tags=["models"])


class ModelBody(BaseModel):
    model: str = Field(min_length=3, max_length=300, description='Such as "embedded:qwen2.5-coder-1.5b".')


class CompareBody(BaseModel):
    question: str
    models: list[str] = Field(min_length=2, max_length=2)


@router.get("/status", summary="What the program is doing")
def status(request: Request) -> dict[str, Any]:
    state = state_of(request)
    now = state.desk.status
    told: dict[str, Any] = {"state": now.state, "message": now.message, "done": now.done, "total": now.total}
    told["waiting"] = len(state.line)
    told["writable"] = state.shelf is not None
    told["user"] = request.state.user
    told["guarded"] = state.doorman.guards
    try:
        session = state.desk.session
        engine = session.engine
        counts = session.library.counts()
        told["library"] = {"articles": counts.articles, "passages": counts.passages}
        told["model"] = {"digest": engine.digest, **asdict(engine.status())}
    except CitewireError:
        told["library"], told["model"] = None, None
    return told


@router.get("/models", summary="List models and their state")
def models(request: Request) -> dict[str, Any]:
    state = state_of(request)
    listed = [asdict(one) for one in (state.shop.listed() if state.shop else ())]
    try:
        current = asdict(state.desk.session.engine.status())
    except CitewireError:
        current = None
    if current is not None and current["spec"] not in {one["spec"] for one in listed}:
        listed.insert(0, current)
    return {"current": current["spec"] if current else None, "models": listed}


@router.post("/models/switch", summary="Answer with another model from now on")
async def switch(body: ModelBody, request: Request) -> dict[str, str]:
    """Waits until no question is being answered."""
    state = state_of(request)
    await _in_turn(state, lambda: state.desk.switch(_known(state, body.model)))
    return {"model": state.desk.session.engine.spec}


def _known(state: WebState, spec: str) -> str:
    """Only models of the list: a name from a page must not become a path or an address."""
    listed = state.shop.listed() if state.shop else ()
    if spec not in {one.spec for one in listed}:
        raise ConfigError(
            f"There is no model {spec[:80]!r} in the list. Start the server with --model for others."
        )
    return spec


async def _in_turn(state: WebState, work: Any) -> None:
    ticket = state.line.join()
    try:
        while ticket.ahead > 0:
            await ticket.moved(state.limits.alive_s)
        await asyncio.get_running_loop().run_in_executor(state.pool, work)
    finally:
        ticket.leave()


@router.post(
    "/models/fetch", summary="Fetch a model's weights", response_description="NDJSON: progress, ready, error"
)
async def fetch(body: ModelBody, request: Request) -> StreamingResponse:
    state = state_of(request)
    if state.shop is None:
        raise ConfigError("This server cannot fetch models.")
    shop, spec = state.shop, _known(state, body.model)
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()

    def put(line: Mapping[str, Any] | None) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, line)

    def work() -> None:
        try:
            shop.fetch(
                spec,
                lambda done, total, note: put(
                    {"event": "progress", "done": done, "total": total, "note": note}
                ),
            )
            put({"event": "ready", "model": spec})
        except Exception as error:  # told to the page; what is not ours is logged under a code
            kind, message = error_words(error)
            put({"event": "error", "error": {"type": kind, "message": message}})
        finally:
            put(None)

    loop.run_in_executor(state.pool, work)

    async def lines() -> AsyncIterator[str]:
        while (line := await arrived.get()) is not None:
            yield line_of(line)

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=STREAM_HEADERS)


@router.post("/compare", summary="Ask two models the same question", response_description="NDJSON")
async def compare(body: CompareBody, request: Request) -> StreamingResponse:
    """One after the other in one turn of the line; the model that answered before goes on afterwards."""
    state = state_of(request)
    specs = [_known(state, spec) for spec in body.models]
    question = question_of(body.question, state.limits)
    before = state.desk.session.engine.spec
    ticket = state.line.join()

    async def lines() -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        cancel = threading.Event()
        try:
            while ticket.ahead > 0:
                yield line_of({"event": "queued", "ahead": ticket.ahead})
                await ticket.moved(state.limits.alive_s)
            for column, spec in enumerate(specs):
                yield line_of({"event": "model", "column": column, "model": spec})
                try:
                    if state.desk.session.engine.spec != spec:
                        await loop.run_in_executor(state.pool, state.desk.switch, spec)
                    answer = await loop.run_in_executor(state.pool, _answer, state, question, cancel)
                except Exception as error:  # one model failing must not hide the other's answer
                    yield line_of(
                        {"event": "error", "column": column, "error": Failed.of(error).as_mapping()}
                    )
                    continue
                if answer is not None:
                    yield line_of({**told_to_json(answer), "column": column})
        finally:
            cancel.set()
            loop.run_in_executor(state.pool, _back, state, before).add_done_callback(lambda _: ticket.leave())

    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=STREAM_HEADERS)


def _answer(state: WebState, question: Question, cancel: threading.Event) -> Finished | None:
    for event in state.desk.session.chain.events(question, cancel):
        if isinstance(event, Finished):
            return event
    return None


def _back(state: WebState, spec: str) -> None:
    if state.desk.session.engine.spec != spec:
        state.desk.switch(spec)
