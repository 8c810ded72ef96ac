"""Conversations over HTTP: list, search, read, rename, delete, export."""

from typing import Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from bot.web.conversations import Conversation
from bot.web.state import state_of, user_of

router = APIRouter(prefix="/api/conversations", tags=["conversations"])


class Rename(BaseModel):
    title: str = Field(max_length=200)


def _head(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "updated": conversation.updated,
        "questions": len(conversation.exchanges),
    }


@router.get("", summary="List conversations, newest first")
def listed(
    request: Request, q: str = Query("", max_length=200, description="Words in title, question or answer.")
) -> dict[str, Any]:
    found = state_of(request).conversations.listed(user_of(request), q)
    return {"conversations": [_head(c) for c in found]}


@router.get("/{conversation_id}", summary="One conversation")
def read(conversation_id: str, request: Request) -> dict[str, Any]:
    conversation = state_of(request).conversations.get(user_of(request), conversation_id)
    return {
        **_head(conversation),
        "exchanges": [
            {"question": e.question, "answer": e.answer, "answer_id": e.answer_id, "at": e.at}
            for e in conversation.exchanges
        ],
    }


@router.patch("/{conversation_id}", summary="Rename")
def rename(conversation_id: str, body: Rename, request: Request) -> dict[str, str]:
    state_of(request).conversations.rename(user_of(request), conversation_id, body.title)
    return {"id": conversation_id, "title": body.title}


@router.delete("/{conversation_id}", summary="Delete", status_code=204)
def delete(conversation_id: str, request: Request) -> None:
    state_of(request).conversations.delete(user_of(request), conversation_id)


@router.get("/{conversation_id}/export.md", summary="Export as Markdown, with citations")
def export(conversation_id: str, request: Request) -> PlainTextResponse:
    from bot.web.routes.answers import markdown_of, record_of
    from store.errors import InputRefused

    state = state_of(request)
    conversation = state.conversations.get(user_of(request), conversation_id)
    parts = [f"# {conversation.title}"]
    for exchange in conversation.exchanges:
        try:
            body = markdown_of(record_of(state, exchange.answer_id))
        except InputRefused:
            body = exchange.answer  # the record is gone, the words are kept
        parts.append(f"## {exchange.question}\n\n{body.strip()}")
    return PlainTextResponse(
        "\n\n".join(parts) + "\n",
        media_type="text/markdown",
        headers={"Content-Disposition": f'attachment; filename="conversation-{conversation_id[:8]}.md"'},
    )
