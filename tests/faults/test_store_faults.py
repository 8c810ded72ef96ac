"""What the library folder must survive: rows C01 to C22 of the fault list."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import index
from store.errors import IdentityMismatch, LibraryBusy, LibraryDamaged, StorageError
from store.ingest import ingest, rebuild, remove, writing
from store.library import Library
from store.verify import verify
from tests.fakes import FakeEmbedder
from tests.store.folders import NEWS, write_articles

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "library"
    ingest(path, [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())
    return path


def in_process(code: str, *arguments: object, cwd: Path = ROOT) -> subprocess.Popen[str]:
    """Runs a piece of code with the project on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


INGEST = """
    import sys
    from pathlib import Path
    from store.errors import CitewireError
    from store.ingest import ingest
    from tests.fakes import FakeEmbedder
    def told(progress):
        if progress.stage == "articles":
            print(progress.done, flush=True)
    try:
        ingest(Path(sys.argv[1]), [Path(sys.argv[2])], embedder=FakeEmbedder(), progress=told)
    except CitewireError as error:
        print(error)
        sys.exit(error.exit_code)
"""


def current_folder(library: Path) -> Path:
    return library / "index" / str(index.current_number(library))


def vector_file(library: Path, name: str) -> Path:
    return next(current_folder(library).glob(f"chroma/*/{name}"))


def test_c01_second_writer_exits_75_and_names_the_first(library: Path, tmp_path: Path) -> None:
    with writing(library):
        second = in_process(INGEST, library, tmp_path / "news.jsonl")
        out, _ = second.communicate(timeout=60)
    assert second.returncode == 75
    assert f"in use by PID {os.getpid()} (started " in out
    assert verify(library) == ()


def test_c01_the_lock_goes_with_its_process(library: Path) -> None:
    holder = in_process(
        """
        import sys, time
        from pathlib import Path
        from store.ingest import writing
        with writing(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(60)
        """,
        library,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LibraryBusy, match=f"PID {holder.pid}"):
        remove(library, ["harbour"])
    holder.kill()
    holder.communicate()
    assert remove(library, ["harbour"]) == 1


@pytest.mark.slow
def test_c03_four_first_starts_leave_one_library(tmp_path: Path) -> None:
    source, path = write_articles(tmp_path, NEWS), tmp_path / "new"
    started = [in_process(INGEST, path, source) for _ in range(4)]
    codes = []
    for process in started:
        process.communicate(timeout=120)
        codes.append(process.returncode)
    assert codes.count(0) >= 1
    assert set(codes) <= {0, 75}
    assert verify(path) == ()
    with Library.open(path) as opened:
        assert opened.counts().articles == 3


@pytest.mark.slow
def test_c04_kill_9_loses_nothing_acknowledged_and_leaves_no_half_article(tmp_path: Path) -> None:
    # Each article has several passages, and each batch several articles.
    sentence = "The ship carried number {} of many goods to the port of a distant city. "
    many = {
        f"n{i:03}": {"title": f"T{i}", "text": "".join(sentence.format(100 * i + j) for j in range(40))}
        for i in range(200)
    }
    source, path = write_articles(tmp_path, many), tmp_path / "library"
    whole: dict[str, int] = {}
    rng = random.Random(4)
    for _ in range(6):
        process = in_process(INGEST, path, source)
        assert process.stdout is not None
        acknowledged = 0
        for line in process.stdout:
            acknowledged = int(line)
            if rng.random() < 0.25:
                break
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        acknowledged = max([acknowledged, *(int(line) for line in rest.split())])
        if not (path / "articles.db").exists():
            continue
        with Library.open(path, embedder=FakeEmbedder()) as opened:
            present = {one.id for one in opened.summaries()}
            assert len(present) >= acknowledged
            for one in present:
                passages = opened.passages(one)
                assert passages[-1].end >= len(opened.article(one).text) - 2
                assert whole.setdefault(one, len(passages)) == len(passages)
            assert whole.keys() <= present
            hits = opened.search("ship", 2_000, retriever="dense")
            assert {hit.passage.article_id for hit in hits} == present
    last = in_process(INGEST, path, source)
    last.communicate(timeout=120)
    assert last.returncode == 0
    with Library.open(path) as opened:
        assert opened.counts().articles == 200
    assert verify(path) == ()


def test_c05_a_locked_record_is_an_error_after_the_wait(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.record.BUSY_TIMEOUT_S", 0.2)
    other = sqlite3.connect(library / "articles.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryBusy, match="locked by another program"):
        remove(library, ["harbour"])
    other.execute("ROLLBACK")
    other.close()
    assert remove(library, ["harbour"]) == 1


def test_c05_an_open_read_transaction_stops_nobody(library: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(library / "articles.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM articles").fetchall()
    more = {"flood": {"title": "Flood", "text": "rain rain"}}
    assert ingest(library, [write_articles(tmp_path, more, "m.jsonl")], embedder=FakeEmbedder()).added == 1
    other.close()


def test_c06_a_full_disk_is_exit_74_and_loses_nothing(library: Path, tmp_path: Path) -> None:
    many = {f"n{i:03}": {"title": f"T{i}", "text": f"A ship number {i}. " * 300} for i in range(300)}
    source = write_articles(tmp_path, many, "many.jsonl")
    limited = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))\n"
    process = in_process(limited + textwrap.dedent(INGEST), library, source)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 74, err
    assert "make space and run it again" in out
    with Library.open(library, embedder=FakeEmbedder()) as opened:
        assert {"harbour", "money", "weather"} <= {one.id for one in opened.summaries()}
    ingest(library, [source], embedder=FakeEmbedder())
    with Library.open(library) as opened:
        assert opened.counts().articles == 303
    assert verify(library) == ()


def test_c07_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StorageError, match="taken is in the way"):
        ingest(tmp_path / "taken", [write_articles(tmp_path, NEWS)], embedder=FakeEmbedder())


@pytest.fixture
def read_only(library: Path) -> Iterator[Path]:
    for one in [library, *library.rglob("*")]:
        one.chmod(0o555 if one.is_dir() else 0o444)
    for parent in library.parents:
        if parent.stat().st_mode & 0o005 != 0o005 and parent.owner() == Path.home().owner():
            parent.chmod(0o755)
    yield library
    for one in [library, *library.rglob("*")]:
        one.chmod(0o755 if one.is_dir() else 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become someone else")
def test_c07_a_read_only_library_is_searched_and_not_written(read_only: Path, tmp_path: Path) -> None:
    code = """
        import os, sys
        from pathlib import Path
        import mmap, store.retrievers.hybrid  # a nobody may not be able to read the interpreter's files
        from store.errors import StorageError
        from store.ingest import remove
        from store.library import Library
        from tests.fakes import FakeEmbedder
        os.setgid(65534); os.setuid(65534)
        with Library.open(Path(sys.argv[1]), embedder=FakeEmbedder()) as library:
            print(library.search("bank", 1)[0].passage.article_id)
        try:
            remove(Path(sys.argv[1]), ["money"])
        except StorageError as error:
            print(error)
    """
    process = in_process(code, read_only)
    out, err = process.communicate(timeout=60)
    lines = out.splitlines()
    assert lines[:1] == ["money"], err
    assert lines[1].startswith(f"No permission to use {read_only}")


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"not a database at all" * 300])
def test_c08_a_broken_record_is_damaged_not_empty(library: Path, content: bytes) -> None:
    (library / "articles.db").write_bytes(content)
    with pytest.raises(LibraryDamaged, match=r"articles\.db"):
        Library.open(library)
    assert [finding.part for finding in verify(library)] == ["record"]


def test_c09_a_lost_record_is_damaged_not_missing(library: Path) -> None:
    (library / "articles.db").unlink()
    with pytest.raises(LibraryDamaged, match="is gone"):
        Library.open(library)


def test_c09_another_librarys_record_is_noticed(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    ingest(other, [tmp_path / "news.jsonl"], embedder=FakeEmbedder())
    shutil.copy(other / "articles.db", library / "articles.db")
    with pytest.raises(LibraryDamaged, match="belongs to another library"):
        Library.open(library)


def broken_indexes() -> dict[str, object]:
    return {
        "the whole index is gone": lambda path: shutil.rmtree(path / "index"),
        "the pointer is garbage": lambda path: (path / "index" / "current").write_text("x"),
        "the generation is gone": lambda path: shutil.rmtree(current_folder(path)),
        "Chroma's database is empty": lambda path: (
            current_folder(path) / "chroma/chroma.sqlite3"
        ).write_bytes(b""),
        "Chroma's database is garbage": lambda path: (
            current_folder(path) / "chroma/chroma.sqlite3"
        ).write_bytes(b"\xff" * 200_000),
        "Chroma's database is gone": lambda path: (current_folder(path) / "chroma/chroma.sqlite3").unlink(),
        "the matrix is cut short": lambda path: os.truncate(current_folder(path) / "vectors.npy", 140),
        "the numbers are gone": lambda path: (current_folder(path) / "nums.npy").unlink(),
        "the description is garbage": lambda path: (current_folder(path) / "generation.json").write_text("{"),
    }


@pytest.mark.parametrize("damage", broken_indexes())
def test_c09_c12_a_broken_index_says_rebuild_and_rebuild_mends_it(library: Path, damage: str) -> None:
    broken_indexes()[damage](library)  # type: ignore[operator]
    with pytest.raises(LibraryDamaged, match="citewire rebuild"):
        Library.open(library, embedder=FakeEmbedder())
    assert [finding.part for finding in verify(library)] == ["index"]
    rebuild(library)
    with Library.open(library, embedder=FakeEmbedder()) as opened:
        assert opened.search("bank", 1, retriever="dense")[0].passage.article_id == "money"
    assert verify(library) == ()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Large enough for Chroma to have written its graph to files."""
    words = ("ship", "bank", "rain")
    many = {
        f"n{i:04}": {
            "title": f"T{i}",
            "text": f"{words[i % 3]} " * (1 + i % 7) + f"{words[(i + 1) % 3]} {i}.",
        }
        for i in range(1_200)
    }
    path = tmp_path / "large"
    ingest(path, [write_articles(tmp_path, many, "large.jsonl")], embedder=FakeEmbedder())
    return path


@pytest.mark.slow
def test_c10_c11_c12_damaged_vector_files_are_found_without_dying(large: Path) -> None:
    whole = {name: vector_file(large, name).read_bytes() for name in ("data_level0.bin", "link_lists.bin")}
    vector_file(large, "data_level0.bin").write_bytes(
        random.Random(11).randbytes(len(whole["data_level0.bin"]))
    )
    assert [finding.part for finding in verify(large)] == ["index"]
    vector_file(large, "data_level0.bin").write_bytes(whole["data_level0.bin"])
    assert verify(large) == ()
    vector_file(large, "link_lists.bin").unlink()
    with pytest.raises(LibraryDamaged, match=r"link_lists\.bin is gone"):
        Library.open(large)
    shutil.rmtree(vector_file(large, "header.bin").parent)
    with pytest.raises(LibraryDamaged, match="citewire rebuild"):
        Library.open(large)
    rebuild(large)
    assert verify(large) == ()


def test_c16_more_than_a_batch_is_split(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_READ_ROWS", 2)
    rebuild(library)
    assert verify(library) == ()


@pytest.mark.slow
def test_c17_repeated_updates_do_not_grow_the_folder(tmp_path: Path) -> None:
    def texts(turn: int) -> dict[str, dict[str, str]]:
        return {
            f"n{i}": {"title": "T", "text": f"A ship of turn {turn}, number {i}. " * 20} for i in range(100)
        }

    path = tmp_path / "library"
    sizes = []
    for turn in range(8):
        ingest(path, [write_articles(tmp_path, texts(turn))], embedder=FakeEmbedder())
        remove(path, ["n0"])
        files = [one for one in current_folder(path).rglob("*") if one.is_file()]
        sizes.append(sum(one.stat().st_size for one in files))
    assert max(sizes[1:]) <= 2 * sizes[0]
    assert len([one for one in (path / "index").iterdir() if one.is_dir()]) == 2


def bytes_of(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file())


def test_c18_purge_leaves_no_byte_of_an_article(library: Path, tmp_path: Path) -> None:
    secret = {
        "leak": {
            "title": "Zanzibarquux",
            "text": "The ship hid a xylowombat in its hold.",
            "source": "Qwertyte",
        }
    }
    ingest(library, [write_articles(tmp_path, secret, "s.jsonl")], embedder=FakeEmbedder())
    (library / "kv").mkdir()
    (library / "kv" / "state.bin").write_bytes(b"xylowombat")
    assert b"xylowombat" in bytes_of(library)
    assert remove(library, ["leak"], purge=True) == 1
    left = bytes_of(library).lower()
    for word in (b"xylowombat", b"zanzibarquux", b"qwertyte"):
        assert word not in left
    assert verify(library) == ()


def test_c18_an_article_removed_before_can_still_be_purged_from_history(
    library: Path, tmp_path: Path
) -> None:
    later = {"harbour": {"title": "Harbour", "text": "Calm."}}
    ingest(library, [write_articles(tmp_path, later, "l.jsonl")], embedder=FakeEmbedder())
    remove(library, ["harbour"])
    assert b"The ship was late" in bytes_of(library)
    remove(library, ["harbour"], purge=True)
    assert b"The ship was late" not in bytes_of(library)


def test_c19_a_newer_programs_library_is_refused(library: Path) -> None:
    with sqlite3.connect(library / "articles.db") as connection:
        connection.execute("UPDATE manifest SET value = '99' WHERE key = 'format'")
    connection.close()
    with pytest.raises(IdentityMismatch, match="has format 99, this program reads 1"):
        Library.open(library)


def test_c19_a_draft_left_by_a_killed_rebuild_is_harmless(library: Path) -> None:
    draft = library / "index" / "7.new"
    draft.mkdir()
    (draft / "half").write_text("x")
    with Library.open(library, embedder=FakeEmbedder()) as opened:
        assert opened.search("bank", 1)[0].passage.article_id == "money"
    rebuild(library)
    assert not draft.exists()


def test_c20_the_working_directory_and_environment_do_not_steer_chroma(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("CHROMA_API_IMPL=x\nIS_PERSISTENT=false\n")
    monkeypatch.setenv("ALLOW_RESET", "true")
    monkeypatch.setenv("CHROMA_API_IMPL", "x")
    monkeypatch.setenv("PERSIST_DIRECTORY", str(tmp_path / "elsewhere"))
    write_articles(tmp_path, NEWS)
    ingest(Path("library"), [Path("news.jsonl")], embedder=FakeEmbedder())
    assert verify(tmp_path / "library") == ()
    assert sorted(one.name for one in tmp_path.iterdir()) == [".env", "library", "news.jsonl"]


def test_c22_chroma_never_gets_text_nor_an_embedding_function(library: Path) -> None:
    connection = sqlite3.connect(current_folder(library) / "chroma" / "chroma.sqlite3")
    configuration = json.dumps(connection.execute("SELECT * FROM collections").fetchall(), default=str)
    documents = connection.execute(
        "SELECT count(*) FROM embedding_metadata WHERE key = 'chroma:document'"
    ).fetchone()[0]
    connection.close()
    assert documents == 0
    assert "onnx" not in configuration.lower()
    assert b"raised its rate" not in bytes_of(library / "index")
