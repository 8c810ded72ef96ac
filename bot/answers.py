"""Answer records: each answer as the JSON it was printed as, and what readers said about it."""

import json
import re
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.types import Answer
from bot.wire import answer_from_json, answer_to_json
from store.errors import InputRefused, StorageError

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


class AnswerNotKept(InputRefused):
    http_status = 404


class AnswerRecords:
    """`answers/ID.json` and `feedback/ID.jsonl` in a library folder."""

    def __init__(self, library: Path) -> None:
        self._answers = library / "answers"
        self._feedback = library / "feedback"

    def save(self, answer: Answer) -> None:
        """Writes the whole record or nothing.

        Raises: StorageError: The disk is full or not writable.
        """
        target = self._path(self._answers, answer.id, ".json")
        text = json.dumps(answer_to_json(answer), ensure_ascii=False)
        temporary = ""
        try:
            self._answers.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self._answers, delete=False, encoding="utf-8") as file:
                temporary = file.name
                file.write(text)
            Path(temporary).replace(target)
        except OSError as error:
            if temporary:
                Path(temporary).unlink(missing_ok=True)
            raise StorageError(
                f"The record of the answer was not kept in {self._answers}: {error.strerror}."
            ) from error

    def load(self, answer_id: str) -> Answer:
        """Raises: InputRefused: No such record, or one that cannot be read."""
        path = self._path(self._answers, answer_id, ".json")
        try:
            return answer_from_json(json.loads(path.read_text("utf-8")))
        except FileNotFoundError as error:
            raise AnswerNotKept(f"There is no answer {answer_id!r} in {self._answers}.") from error
        except (OSError, ValueError) as error:
            raise InputRefused(f"The record {path} cannot be read: {error}. Delete it.") from error

    def ids(self) -> tuple[str, ...]:
        """Newest first."""
        try:
            found = [(path.stat().st_mtime_ns, path.stem) for path in self._answers.glob("*.json")]
        except OSError:
            return ()
        return tuple(name for _, name in sorted(found, reverse=True))

    def feedback(self, answer_id: str, kind: str, note: str) -> None:
        """Appends; what was said before stays.

        Raises: StorageError: The disk is full or not writable.
        """
        line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "kind": kind, "note": note}
        path = self._path(self._feedback, answer_id, ".jsonl")
        try:
            self._feedback.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise StorageError(f"The feedback was not kept in {path}: {error.strerror}.") from error

    def feedback_of(self, answer_id: str) -> tuple[Mapping[str, Any], ...]:
        """Oldest first."""
        try:
            text = self._path(self._feedback, answer_id, ".jsonl").read_text("utf-8")
        except OSError:
            return ()
        return tuple(json.loads(line) for line in text.splitlines() if line)

    @staticmethod
    def _path(folder: Path, answer_id: str, suffix: str) -> Path:
        # An id may come from a command line or a web request: it must not name a path.
        if not _ID.fullmatch(answer_id):
            raise AnswerNotKept(f"{answer_id!r} is not the id of an answer record.")
        return folder / f"{answer_id}{suffix}"
