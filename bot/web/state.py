"""What the routes share: made once for an app, never a module's variable."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from bot.answers import AnswerRecords
from bot.web.asking import Asking
from bot.web.conversations import Conversations
from bot.web.desk import Desk
from bot.web.limits import WebLimits
from bot.web.line import Line
from bot.web.login import Doorman
from bot.web.seam import Shelf, Shop


@dataclass
class WebState:
    """Everything one server holds.

    Attributes:
        asks: Questions under way by their id, with the user who asked.
        runs: Folders in which eval runs are looked for.
    """

    desk: Desk
    line: Line
    limits: WebLimits
    doorman: Doorman
    conversations: Conversations
    answers: AnswerRecords
    shelf: Shelf | None
    shop: Shop | None
    runs: tuple[Path, ...] = ()
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32, "citewire-ask"))
    asks: dict[str, tuple[str, Asking]] = field(default_factory=dict)


def state_of(request: Request) -> WebState:
    state: WebState = request.app.state.citewire
    return state


def user_of(request: Request) -> str:
    """The visitor's name; "local" on a server without login."""
    return str(request.state.user)
