"""Any engine as a LangChain chat model."""

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from bot.errors import QuestionRefused
from bot.models.base import Engine, Limits, Message, Reply, Role

_ROLES: dict[str, Role] = {"system": "system", "human": "user", "ai": "assistant"}


class EngineChat(BaseChatModel):
    """Chats through an engine, so that LangChain callers get its guard, limits and errors.

    Attributes:
        limits: For every call; `stop` given to a call is added to its own.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    engine: Engine
    limits: Limits = Limits()

    @property
    def _llm_type(self) -> str:
        return "citewire"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.engine.spec, "digest": self.engine.digest}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # LangChain's own signature
    ) -> ChatResult:
        for item in self.engine.stream(_messages(messages), self._limits(stop)):
            if isinstance(item, Reply):
                message = AIMessage(
                    item.text, response_metadata=self._metadata(item), usage_metadata=_usage(item)
                )
                return ChatResult(generations=[ChatGeneration(message=message)])
        raise AssertionError("an engine's stream ends with a Reply")

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # LangChain's own signature
    ) -> Iterator[ChatGenerationChunk]:
        for item in self.engine.stream(_messages(messages), self._limits(stop)):
            if isinstance(item, Reply):
                last = AIMessageChunk(
                    content="", response_metadata=self._metadata(item), usage_metadata=_usage(item)
                )
                last.chunk_position = "last"
                yield ChatGenerationChunk(message=last)
            else:
                chunk = ChatGenerationChunk(message=AIMessageChunk(content=item))
                if run_manager is not None:
                    run_manager.on_llm_new_token(item, chunk=chunk)
                yield chunk

    def _limits(self, stop: list[str] | None) -> Limits:
        if not stop:
            return self.limits
        import dataclasses

        return dataclasses.replace(self.limits, stop=(*self.limits.stop, *stop))

    def _metadata(self, reply: Reply) -> dict[str, Any]:
        return {"model_name": self.engine.spec, "finish_reason": reply.stop, "model_provider": "citewire"}


def _messages(messages: Sequence[BaseMessage]) -> list[Message]:
    """Raises: QuestionRefused: A message that is neither system, human nor AI text."""
    ours: list[Message] = []
    for message in messages:
        if message.type not in _ROLES:
            raise QuestionRefused(
                f"A {message.type!r} message cannot be sent to this model. Use system, human or ai."
            )
        ours.append(Message(_ROLES[message.type], str(message.text)))
    return ours


def _usage(reply: Reply) -> UsageMetadata | None:
    if reply.prompt_tokens is None or reply.completion_tokens is None:
        return None
    usage = UsageMetadata(
        input_tokens=reply.prompt_tokens,
        output_tokens=reply.completion_tokens,
        total_tokens=reply.prompt_tokens + reply.completion_tokens,
    )
    if reply.cached_tokens is not None:
        usage["input_token_details"] = InputTokenDetails(cache_read=reply.cached_tokens)
    return usage
