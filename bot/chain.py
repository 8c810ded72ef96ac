"""The answer path as a LangChain Runnable."""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from bot.answering import Answering, ChainOptions, Search
from bot.types import Answer, Question


class AnswerChain(Answering, Runnable[Question | str | Mapping[str, Any], Answer]):
    """Answers from a library with one engine, and composes with any other Runnable.

    `invoke` gives the Answer, `stream` the answer in one piece as Runnables do, `events` everything on the way.
    """

    def invoke(
        self, input: Question | str | Mapping[str, Any], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Answer:
        """Raises: QuestionRefused: Empty or too long. ModelUnavailable: The engine failed."""
        return self._call_with_config(self.answer, input, config, **kwargs)


__all__ = ["AnswerChain", "ChainOptions", "Search"]
