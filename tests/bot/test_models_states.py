"""The folder of kept states: whatever goes wrong there costs time, never an answer."""

import errno
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from bot.models.states import StateFolder

IDS = (1, 2, 3)
Usage = namedtuple("Usage", "total used free")


def folder(path: Path, *, identity: str = "weights A", limit_bytes: int = 10_000) -> StateFolder:
    found = StateFolder(path, limit_bytes=limit_bytes, identity=identity)
    assert found.ready()
    return found


def keep(states: StateFolder, key: str, body: bytes = b"state") -> bool:
    def save(name: str) -> int:
        (states.folder / name).write_bytes(body)
        return len(IDS)

    return states.keep(key, IDS, save)


def test_another_model_under_the_same_name_finds_no_state(tmp_path: Path) -> None:
    assert keep(folder(tmp_path), "article")
    assert folder(tmp_path).find("article", IDS) is not None
    assert folder(tmp_path, identity="weights B").find("article", IDS) is None


def test_two_processes_that_make_the_same_state_leave_one_good_one(tmp_path: Path) -> None:
    first, second = folder(tmp_path), folder(tmp_path)

    def save(name: str) -> int:
        assert keep(second, "article", b"made by the other")  # while the first one still writes
        (tmp_path / name).write_bytes(b"made by the first")
        return len(IDS)

    assert first.keep("article", IDS, save)
    found = second.find("article", IDS)
    assert found is not None
    assert (tmp_path / found.file_name).read_bytes() == b"made by the first"
    assert len(list(tmp_path.iterdir())) == 2  # the state and its note; no drafts


def test_note_of_another_process_state_is_dropped_with_it(tmp_path: Path) -> None:
    states = folder(tmp_path)
    keep(states, "article", b"mine")
    (state,) = tmp_path.glob("*.state")
    state.write_bytes(b"else")  # replaced between the two steps of the other process
    assert states.find("article", IDS) is None
    assert list(tmp_path.iterdir()) == []


def test_no_disk_left_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 90, 10))
    assert not keep(folder(tmp_path), "article")
    assert list(tmp_path.iterdir()) == []


def test_disk_that_fills_up_while_writing_leaves_no_piece(tmp_path: Path) -> None:
    states = folder(tmp_path)

    def save(name: str) -> int:
        (tmp_path / name).write_bytes(b"sta")
        raise OSError(errno.ENOSPC, "No space left on device")

    assert not states.keep("article", IDS, save)
    assert list(tmp_path.iterdir()) == []


def test_size_is_that_of_the_file_and_zero_without_one(tmp_path: Path) -> None:
    states = folder(tmp_path)
    assert states.size("article", IDS) == 0
    keep(states, "article", b"12345")
    assert states.size("article", IDS) == 5
    assert states.holds(states.name("article", IDS), 5)
    assert not states.holds(states.name("article", IDS), 6)


def test_folder_removed_while_running_is_no_error(tmp_path: Path) -> None:
    states = folder(tmp_path / "kv")
    (tmp_path / "kv").rmdir()
    assert not keep(states, "article")
    assert states.find("article", IDS) is None
    assert states.size("article", IDS) == 0
