"""The session behind the pages: opened in the background, switched between models, its state told in words."""

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bot.errors import ModelUnavailable
from bot.web.seam import SessionLike
from store.errors import CitewireError, LibraryMissing

State = Literal["opening", "empty", "fetching", "loading", "ready", "error"]
Open = Callable[[str | None, Callable[[int, int, str], None]], SessionLike]
"""Opens a session with the model of this spec (None: the configured one), telling progress on the way."""

_log = logging.getLogger("citewire.web")


@dataclass(frozen=True, slots=True)
class Status:
    """Where the desk stands.

    Attributes:
        message: One plain line for people; "" when there is nothing to say.
        done: Of `total` bytes or steps; both 0 where unknown.
    """

    state: State
    message: str = ""
    done: int = 0
    total: int = 0
    failed: str = ""


def error_words(error: Exception) -> tuple[str, str]:
    """Error type and one line for people. Our errors speak for themselves; others get a code, and the log the rest."""
    if isinstance(error, CitewireError):
        return type(error).__name__, str(error)
    code = f"E-{secrets.token_hex(3)}"
    _log.error("%s", code, exc_info=error)
    return (
        "InternalError",
        f"Something went wrong on our side (code {code}). The server's log has the details.",
    )


class Desk:
    """Holds at most one open session.

    Args:
        opener: Opens a session; raises `LibraryMissing` where no article was ever added.
        session: An open session to start with, else `start` opens one.
    """

    def __init__(self, opener: Open | None = None, *, session: SessionLike | None = None) -> None:
        self._opener = opener
        self._session = session
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._spec: str | None = None
        self._status = Status("ready") if session is not None else Status("opening", "Starting.")

    def start(self) -> None:
        """Opens the session in the background, unless it is open."""
        if self._session is None and self._opener is not None:
            threading.Thread(target=self.open, name="citewire-open", daemon=True).start()

    def open(self, spec: str | None = None) -> None:
        """Opens the session now; errors become the status. Waits for an opening under way, then looks again."""
        with self._opening:
            if self._session is not None and spec is None:
                return
            try:
                self._open(spec)
            except LibraryMissing:
                self._tell(Status("empty", "There are no articles yet."))
            except Exception as error:  # shown as the page's state; the next `open` tries again
                kind, message = error_words(error)
                failed = "model" if isinstance(error, ModelUnavailable) else "library"
                self._tell(Status("error", message, failed=failed if kind != "InternalError" else "program"))

    def switch(self, spec: str) -> None:
        """Answers with another model from now on; on failure the former one goes on.

        Raises:
            CitewireError: The model cannot be opened.
        """
        with self._opening:
            former = self._spec
            try:
                self._open(spec)
            except Exception:
                if self._session is None:
                    self._open(former)
                else:
                    self._tell(Status("ready"))
                raise

    def _open(self, spec: str | None) -> None:
        if self._opener is None:
            raise ModelUnavailable("This server was started with one fixed model.")
        self._tell(Status("loading", "Opening the library and the model."))
        session = self._opener(spec, self.progress)
        with self._lock:
            former, self._session, self._spec = self._session, session, spec
            self._status = Status("ready")
        if former is not None:
            former.close()

    def progress(self, done: int, total: int, note: str) -> None:
        """Shown while opening; an open session's engine speaks for itself, and its last note goes with it."""
        with self._lock:
            if self._status.state == "ready":
                self._status = Status("ready", note, done, total)
            else:
                self._status = Status("fetching" if total else "loading", note, done, total)

    def _tell(self, status: Status) -> None:
        with self._lock:
            self._status = status

    @property
    def status(self) -> Status:
        """Never blocks on the model; an open library without an article counts as empty."""
        with self._lock:
            status, session = self._status, self._session
        if status.state == "ready" and session is not None:
            try:
                if session.library.counts().articles == 0:
                    return Status("empty", "There are no articles yet.")
            except CitewireError as error:
                return Status("error", str(error), failed="library")
        return status

    @property
    def session(self) -> SessionLike:
        """The open session.

        Raises:
            LibraryMissing: Nothing was added yet.
            ModelUnavailable: Still opening, or it failed; the message says which.
        """
        with self._lock:
            session, status = self._session, self._status
        if session is not None:
            return session
        if status.state == "empty":
            raise LibraryMissing("There are no articles yet. Add some on the Library page.")
        raise ModelUnavailable(status.message or "The model is not ready yet. Try again in a moment.")

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
