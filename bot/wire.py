"""Answers, events and questions as JSON: the contract of the command line, the HTTP API and stored records."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from bot.errors import QuestionRefused
from bot.types import (
    Answer,
    Citation,
    Conflict,
    Event,
    Finished,
    FoundPassage,
    Question,
    Retrieved,
    Statement,
    StatementReady,
    Tokens,
    TokenWritten,
    Turn,
)  # fmt: skip
from store.errors import CitewireError

Json = dict[str, Any]


def answer_to_json(answer: Answer) -> Json:
    """The object `ask --json` prints; docs/answer.schema.json is its schema."""
    return {
        "id": answer.id,
        "question": answer.question,
        "standalone_question": answer.standalone_question,
        "answer": answer.text,
        "abstained": answer.abstained,
        "reason": answer.reason,
        "statements": [statement_to_json(s) for s in answer.statements],
        "conflicts": [
            {"topic": c.topic, "claims": [statement_to_json(s) for s in c.claims]} for c in answer.conflicts
        ],
        "hits": [asdict(h) for h in answer.hits],
        "model": answer.model,
        "model_digest": answer.model_digest,
        "prompts": dict(answer.prompts),
        "index_fingerprint": answer.index_fingerprint,
        "timings_s": {name: round(value, 4) for name, value in answer.timings_s.items()},
        "tokens": asdict(answer.tokens),
        "as_of": answer.as_of.isoformat() if answer.as_of else None,
        "unresolved": list(answer.unresolved),
        "truncated": answer.truncated,
        "left_out": list(answer.left_out),
        "suggestions": list(answer.suggestions),
        "checks": {name: None if value is None else round(value, 4) for name, value in answer.checks.items()},
        "draft": answer.draft,
        "extract": answer.extract,
    }


def answer_from_json(raw: Mapping[str, Any]) -> Answer:
    """Raises: ValueError: A key is missing, or a quote does not span its offsets."""
    try:
        return Answer(
            id=raw["id"],
            question=raw["question"],
            standalone_question=raw["standalone_question"],
            text=raw["answer"],
            statements=tuple(_statement(s) for s in raw["statements"]),
            abstained=raw["abstained"],
            reason=raw["reason"],
            hits=tuple(FoundPassage(**h) for h in raw["hits"]),
            model=raw["model"],
            model_digest=raw["model_digest"],
            prompts=raw["prompts"],
            index_fingerprint=raw["index_fingerprint"],
            timings_s=raw["timings_s"],
            tokens=Tokens(**raw["tokens"]),
            as_of=date.fromisoformat(raw["as_of"]) if raw["as_of"] else None,
            conflicts=tuple(
                Conflict(c["topic"], tuple(_statement(s) for s in c["claims"])) for c in raw["conflicts"]
            ),
            unresolved=tuple(raw["unresolved"]),
            truncated=raw["truncated"],
            left_out=tuple(raw["left_out"]),
            suggestions=tuple(raw["suggestions"]),
            checks=raw["checks"],
            draft=raw.get("draft", ""),
            extract=raw.get("extract", ""),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an answer record: {error}") from error


def statement_to_json(statement: Statement) -> Json:
    return {
        "text": statement.text,
        "support": statement.support,
        "score": statement.score,
        "doubts": list(statement.doubts),
        "citations": [asdict(c) for c in statement.citations],
    }


def event_to_json(event: Event) -> Json:
    """One line of `--ndjson`: `retrieved`, `token`, `statement` or `answer`."""
    if isinstance(event, Retrieved):
        return {
            "event": "retrieved",
            "standalone_question": event.standalone_question,
            "hits": [asdict(h) for h in event.hits],
        }
    if isinstance(event, TokenWritten):
        return {"event": "token", "text": event.text}
    if isinstance(event, StatementReady):
        return {"event": "statement", "statement": statement_to_json(event.statement)}
    assert isinstance(event, Finished)
    return {"event": "answer", "answer": answer_to_json(event.answer)}


def error_to_json(error: CitewireError) -> Json:
    return {"error": {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}}


def question_from_json(raw: Any) -> Question:
    """A line of `--batch`, a body of the HTTP API.

    Raises:
        QuestionRefused: Not an object, an unknown key, or a value of the wrong type; the text says which.
    """
    if not isinstance(raw, Mapping):
        raise QuestionRefused('A question is an object such as {"id": "1", "question": "Who signed?"}')
    unknown = sorted(set(raw) - {"id", "question", "history", "as_of"})
    if unknown:
        raise QuestionRefused(
            f"Unknown key {unknown[0]!r} in a question; known are id, question, history, as_of"
        )
    text, asked_id = raw.get("question"), raw.get("id", "")
    if not isinstance(text, str):
        raise QuestionRefused(f"A question needs the key 'question' with text, not {type(text).__name__}")
    if not isinstance(asked_id, str | int):
        raise QuestionRefused("The key 'id' of a question is text or a whole number")
    return Question(text, history_from_json(raw.get("history")), _as_of(raw.get("as_of")), str(asked_id))


def history_from_json(raw: Any) -> tuple[Turn, ...]:
    """Raises: QuestionRefused: Not a list of {question, answer}."""
    if raw is None:
        return ()
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise QuestionRefused("The key 'history' is a list of objects with question and answer, oldest first")
    turns = []
    for at, turn in enumerate(raw, start=1):
        if not isinstance(turn, Mapping) or not all(
            isinstance(turn.get(k), str) for k in ("question", "answer")
        ):
            raise QuestionRefused(f"Turn {at} of 'history' needs the texts 'question' and 'answer'")
        turns.append(Turn(turn["question"], turn["answer"]))
    return tuple(turns)


def _as_of(raw: Any) -> date | None:
    if raw is None or raw == "":
        return None
    try:
        return date.fromisoformat(raw)
    except (TypeError, ValueError) as error:
        raise QuestionRefused(f"The key 'as_of' is a day such as 2017-10-26, not {raw!r}") from error


def _statement(raw: Mapping[str, Any]) -> Statement:
    citations = tuple(Citation(**c) for c in raw["citations"])
    return Statement(raw["text"], citations, raw["support"], raw["score"], tuple(raw.get("doubts", ())))
