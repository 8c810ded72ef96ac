"""Every queue, size and wait of the web app has its number here."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebLimits:
    """What one server takes.

    Attributes:
        waiting: Questions that may wait behind the one being answered; the next is told to come back.
        alive_s: A stream says something at least this often, so that proxies do not cut it.
        stop_s: A stopped model has this long to let go before the next question is served.
        free_logins: Wrong passwords answered at once; each further one doubles the wait.
        history_turns: Earlier turns of a conversation that go with a question.
    """

    question_chars: int = 4_000
    json_bytes: int = 256 * 1024
    upload_bytes: int = 64 * 1024 * 1024
    upload_files: int = 500
    name_chars: int = 150
    note_chars: int = 2_000
    waiting: int = 15
    alive_s: float = 15.0
    stop_s: float = 10.0
    free_logins: int = 5
    login_wait_s: float = 2.0
    login_wait_max_s: float = 300.0
    login_hours: float = 12.0
    history_turns: int = 6
    search_k: int = 50
