"""Language models behind one seam; `open_engine` opens any of them by its name."""

from bot.models.base import Engine, EngineOptions, Limits, Message, ModelStatus, PrefixState, Reply
from bot.models.opening import choose_engine, open_engine

__all__ = [
    "Engine",
    "EngineOptions",
    "Limits",
    "Message",
    "ModelStatus",
    "PrefixState",
    "Reply",
    "choose_engine",
    "open_engine",
]
