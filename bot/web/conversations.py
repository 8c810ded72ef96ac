"""Conversations kept on the server, in LangChain's SQLChatMessageHistory.

A conversation is a session of that table named `OWNER/ID`. Its title is a system message, the last one counts;
a question is a human message and its answer an AI message that carries the answer's id.
"""

import secrets
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.types import Turn
from store.errors import InputRefused, StorageError

_TITLE_CHARS = 120
_MARK = "citewire"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with its answer as it was shown; `answer_id` finds the whole record."""

    question: str
    answer: str
    answer_id: str
    at: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Oldest exchange first; `updated` is an ISO time, "" for an empty one."""

    id: str
    title: str
    exchanges: tuple[Exchange, ...]
    updated: str


class Conversations:
    """All conversations of one library.

    Args:
        path: `chats.db` in the library folder; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Any = (
            None  # an SQLAlchemy engine; SQLAlchemy comes with langchain-community, untyped to us
        )
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Imports what the first exchange needs, a second or more, before it is waited for."""
        with suppress(InputRefused, StorageError):
            self.turns("nobody", "0" * 32, 1)

    def create(self, owner: str) -> str:
        """A fresh 128-bit id; nothing is written before the first question."""
        del owner  # part of the call, so that a caller cannot forget whose it is
        return secrets.token_hex(16)

    def add(self, owner: str, conversation_id: str, question: str, answer: str, answer_id: str) -> None:
        """Appends an exchange; the first one gives the conversation its title."""
        from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

        at = datetime.now(UTC).isoformat(timespec="seconds")
        extra = {_MARK: {"at": at, "answer_id": answer_id}}
        messages: list[BaseMessage] = [
            HumanMessage(question, additional_kwargs=extra),
            AIMessage(answer, additional_kwargs=extra),
        ]
        with self._history(owner, conversation_id) as history:
            if not history.messages:
                messages.insert(0, SystemMessage(_short(question)))
            history.add_messages(messages)

    def get(self, owner: str, conversation_id: str) -> Conversation:
        """Raises: InputRefused: Not there, or someone else's."""
        with self._history(owner, conversation_id) as history:
            messages = history.messages
        if not messages:
            raise InputRefused(f"There is no conversation {conversation_id!r}. It may have been deleted.")
        return _conversation(conversation_id, messages)

    def turns(self, owner: str, conversation_id: str, most: int) -> tuple[Turn, ...]:
        """The last exchanges, for a follow-up; none for a new conversation."""
        with self._history(owner, conversation_id) as history:
            messages = history.messages
        exchanges = _conversation(conversation_id, messages).exchanges
        return tuple(Turn(e.question, e.answer) for e in exchanges[-most:])

    def listed(self, owner: str, containing: str = "") -> tuple[Conversation, ...]:
        """Newest first; with `containing`, those whose title or text has these words, case ignored."""
        from langchain_core.messages import BaseMessage

        with self._history(owner, "0" * 32) as history:
            model = history.sql_model_class
            by_id: dict[str, list[BaseMessage]] = {}
            with history.session_maker() as session:
                rows = session.query(model).where(model.session_id.startswith(f"{owner}/", autoescape=True))
                for row in rows.order_by(model.id.asc()):
                    by_id.setdefault(row.session_id, []).append(history.converter.from_sql_model(row))
        found = [_conversation(key.rpartition("/")[2], messages) for key, messages in by_id.items()]
        wanted = containing.casefold().strip()
        if wanted:
            found = [c for c in found if wanted in _everything(c).casefold()]
        return tuple(sorted(found, key=lambda c: c.updated, reverse=True))

    def rename(self, owner: str, conversation_id: str, title: str) -> None:
        """Raises: InputRefused: Not there, or an empty title."""
        from langchain_core.messages import SystemMessage

        if not title.strip():
            raise InputRefused("A title needs at least one character.")
        self.get(owner, conversation_id)
        with self._history(owner, conversation_id) as history:
            history.add_message(SystemMessage(_short(title)))

    def delete(self, owner: str, conversation_id: str) -> None:
        """Raises: InputRefused: Not there."""
        self.get(owner, conversation_id)
        with self._history(owner, conversation_id) as history:
            history.clear()

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _history(self, owner: str, conversation_id: str) -> "_Opened":
        if len(conversation_id) != 32 or not set(conversation_id) <= set("0123456789abcdef"):
            raise InputRefused(f"{conversation_id[:40]!r} is not the id of a conversation.")
        return _Opened(self._history_of(f"{owner}/{conversation_id}"))

    def _history_of(self, session_id: str) -> Any:
        with warnings.catch_warnings():
            # langchain-community announces its sunset at import; the issue names this class of it.
            warnings.simplefilter("ignore", DeprecationWarning)
            from langchain_community.chat_message_histories.sql import SQLChatMessageHistory
        from sqlalchemy import create_engine
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._lock:
                if self._engine is None:
                    self._engine = create_engine(
                        f"sqlite:///{self._path}", connect_args={"timeout": 5, "check_same_thread": False}
                    )
            return SQLChatMessageHistory(session_id=session_id, connection=self._engine)
        except SQLAlchemyError as error:
            raise StorageError(
                f"The conversations in {self._path.name} cannot be opened: {error}."
            ) from error


class _Opened:
    """A history whose session is given back at the end, and whose errors are ours."""

    def __init__(self, history: Any) -> None:
        self._history = history

    def __enter__(self) -> Any:
        return self._history

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from sqlalchemy.exc import SQLAlchemyError

        self._history.session_maker.remove()
        if isinstance(error, SQLAlchemyError):
            raise StorageError("The conversations cannot be read or written; is the disk full?") from error


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _TITLE_CHARS else flat[: _TITLE_CHARS - 1] + "…"


def _everything(conversation: Conversation) -> str:
    return "\n".join([conversation.title, *(f"{e.question}\n{e.answer}" for e in conversation.exchanges)])


def _conversation(conversation_id: str, messages: list[Any]) -> Conversation:
    titles = [str(m.content) for m in messages if m.type == "system"]
    exchanges = tuple(_exchanges(messages))
    updated = exchanges[-1].at if exchanges else ""
    return Conversation(conversation_id, titles[-1] if titles else "Untitled", exchanges, updated)


def _exchanges(messages: list[Any]) -> Iterator[Exchange]:
    question = ""
    for message in messages:
        if message.type == "human":
            question = str(message.content)
        elif message.type == "ai":
            extra = message.additional_kwargs.get(_MARK, {})
            yield Exchange(
                question, str(message.content), str(extra.get("answer_id", "")), str(extra.get("at", ""))
            )
