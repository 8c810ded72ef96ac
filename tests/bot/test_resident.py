"""A model that waits for the next command, and lends itself to one program at a time."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.models.resident import borrow, is_waiting, socket_path, unload, wait_and_lend
from tests.bot.waiting import until, waits

WANTED = {"path": "/weights/a.gguf", "mark": [1, 2, 3], "keep_s": 20}
PORT = 4242


@contextmanager
def waiting(keep_s: float = 20.0) -> Iterator[threading.Thread]:
    """What a model's process does once the program that started it has gone."""
    thread = threading.Thread(target=wait_and_lend, args=({**WANTED, "api_key": "secret"}, PORT, keep_s))
    thread.start()
    assert until(waits)
    try:
        yield thread
    finally:
        unload()
        thread.join(5)
        assert not thread.is_alive()


def test_the_next_program_gets_port_and_key() -> None:
    with waiting():
        lent = borrow(WANTED)
        assert lent is not None
        assert (lent.port, lent.api_key, lent.alive()) == (PORT, "secret", True)
        assert "secret" not in repr(lent)
        lent.stop()


def test_it_is_lent_to_one_at_a_time_and_given_back_by_hanging_up() -> None:
    with waiting():
        first = borrow(WANTED)
        assert first is not None
        assert borrow(WANTED) is None
        assert not unload()  # nobody takes away a model that answers
        assert first.alive()
        first.stop()
        assert until(lambda: (again := borrow(WANTED)) is not None and (again.stop() is None))


def test_another_model_or_setting_ends_it() -> None:
    with waiting() as thread:
        assert borrow({**WANTED, "mark": [9, 9, 9]}) is None
        thread.join(5)
        assert not thread.is_alive()
        assert not waits()


def test_it_ends_when_nobody_has_come_for_a_while() -> None:
    with waiting(keep_s=0.3) as thread:
        thread.join(5)
        assert not thread.is_alive()


def test_its_end_is_noticed() -> None:
    with waiting(keep_s=0.2):
        lent = borrow(WANTED)
        assert lent is not None
        assert lent.alive()
        lent.stop()
    assert borrow(WANTED) is None


def test_whether_one_waits_is_told_without_taking_it() -> None:
    assert not is_waiting()
    with waiting():
        assert is_waiting()
        lent = borrow(WANTED)
        assert lent is not None
        assert is_waiting()
        lent.stop()
    assert not is_waiting()


def test_only_one_waits() -> None:
    with waiting():
        began = time.monotonic()
        wait_and_lend({**WANTED, "api_key": "other"}, 1, 20.0)  # gives up at once
        assert time.monotonic() - began < 5
        lent = borrow(WANTED)
        assert lent is not None
        assert lent.port == PORT
        lent.stop()


def test_unloading_without_a_model_says_so() -> None:
    assert not unload()


def test_nobody_else_can_enter_its_folder() -> None:
    path = socket_path()
    assert path is not None
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o755)
    assert socket_path() is None


def test_a_folder_that_is_a_link_is_not_used(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)  # type: ignore[operator]
    (tmp_path / f"citewire-{os.getuid()}").symlink_to(tmp_path / "elsewhere")  # type: ignore[operator]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert socket_path() is None


def test_a_socket_left_by_a_killed_model_is_no_obstacle() -> None:
    path = socket_path()
    assert path is not None
    path.touch()
    assert borrow(WANTED) is None
    with waiting():
        lent = borrow(WANTED)
        assert lent is not None
        lent.stop()
