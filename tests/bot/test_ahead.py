"""Reading ahead: what is read, in which order, and where it ends."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.ahead import can_read_unasked, read_ahead, versions_of
from bot.cli.main import run
from bot.errors import ModelUnavailable, QuestionRefused
from bot.models.base import Message, PrefixState
from bot.models.scripted import ScriptedEngine
from bot.prompt import check_prefixes
from bot.settings import load
from tests.bot.archive import library_of
from tests.fakes import FakeEmbedder

ALL = ("ferry", "rates", "flood")
STATE = 1000
CHECKS = tuple(key for key, _ in check_prefixes())


class Keeping(ScriptedEngine):
    """Keeps a state of the same size for every prefix; remembers what it read by the article's title."""

    size = STATE

    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        super().prepare(prefix, key, cancel)
        return PrefixState("computed", kept_bytes=self.size)


class Refusing(Keeping):
    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        if key not in CHECKS and "Dalby" in str(prefix):
            raise QuestionRefused("too long")
        return super().prepare(prefix, key, cancel)


def read(engine: ScriptedEngine) -> list[str]:
    marks = {"Larkhaven": "ferry", "Dalby": "rates", "Ferrol": "flood"}
    calls = [call for call in engine.calls if call.kind == "prepare"]
    return [
        "check" if call.key in CHECKS else next(n for m, n in marks.items() if m in str(call.messages))
        for call in calls
    ]


def test_checks_come_first_then_the_newest_article(tmp_path: Path) -> None:
    engine = Keeping()
    with library_of(tmp_path) as library:
        done = read_ahead(library, engine, ALL, budget_bytes=10 * STATE)
    assert read(engine) == ["check", "check", "rates", "ferry", "flood"]  # 2018, 2017, without a date
    assert (done.articles, done.left, done.bytes, done.keeps) == (3, 0, 5 * STATE, True)


def test_only_the_named_articles_are_read(tmp_path: Path) -> None:
    engine = Keeping()
    with library_of(tmp_path) as library:
        read_ahead(library, engine, ["flood", "removed since"], budget_bytes=10 * STATE)
    assert read(engine) == ["check", "check", "flood"]


def test_reading_ends_before_a_state_would_push_out_another(tmp_path: Path) -> None:
    engine = Keeping()
    with library_of(tmp_path) as library:
        done = read_ahead(library, engine, ALL, budget_bytes=3 * STATE + 999)
    assert read(engine) == ["check", "check", "rates"]
    assert (done.articles, done.left) == (1, 2)


def test_where_no_state_is_kept_nothing_more_is_read(tmp_path: Path) -> None:
    engine = ScriptedEngine()
    with library_of(tmp_path) as library:
        done = read_ahead(library, engine, ALL, budget_bytes=10 * STATE)
    assert read(engine) == ["check", "check"]
    assert (done.articles, done.left) == (0, 3)


def test_a_stop_leaves_the_rest(tmp_path: Path) -> None:
    engine, cancel = Keeping(), threading.Event()
    with library_of(tmp_path) as library:
        done = read_ahead(
            library,
            engine,
            ALL,
            budget_bytes=10 * STATE,
            progress=lambda at, total, note: cancel.set() if at else None,
            cancel=cancel,
        )
    assert read(engine) == ["check", "check", "rates"]
    assert done.left == 2


def test_an_article_too_long_for_the_context_stops_no_other(tmp_path: Path) -> None:
    engine = Refusing()
    with library_of(tmp_path) as library:
        read_ahead(library, engine, ALL, budget_bytes=10 * STATE)
    assert read(engine) == ["check", "check", "ferry", "flood"]


def test_progress_ends_with_all_characters(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with library_of(tmp_path) as library:
        chars = sum(one.chars for one in library.summaries())
        read_ahead(
            library, Keeping(), ALL, budget_bytes=9999, progress=lambda at, total, _: seen.append((at, total))
        )
    assert seen[0] == (0, chars)
    assert seen[-1] == (chars, chars)
    assert seen == sorted(seen)


def test_versions_tell_what_is_new(tmp_path: Path) -> None:
    assert versions_of(tmp_path / "none") == {}
    with library_of(tmp_path) as library:
        assert set(versions_of(library.path)) == set(ALL)


@pytest.mark.parametrize(
    ("model", "articles", "expected"),
    [
        ("embedded:mine.gguf", 8, True),
        ("embedded:mine.gguf", 9, False),
        ("embedded:mine.gguf", 0, False),
        ("embedded:no-such-model", 1, False),
        ("ollama:qwen2.5-coder:1.5b", 1, False),
    ],
)
def test_few_articles_are_read_unasked_where_nothing_is_fetched(
    monkeypatch: pytest.MonkeyPatch, model: str, articles: int, expected: bool
) -> None:
    monkeypatch.setenv("CITEWIRE_READ_AHEAD_ARTICLES", "8")
    assert can_read_unasked(load(model=model), articles) is expected


class Interrupted(Keeping):
    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        raise KeyboardInterrupt


class Gone(Keeping):
    def prepare(
        self, prefix: Sequence[Message], key: str, cancel: threading.Event | None = None
    ) -> PrefixState:
        raise ModelUnavailable("The model broke. Start again.")


@pytest.mark.parametrize(
    ("engine", "flag", "told"),
    [
        (Keeping(), "--read-ahead", "1 read ahead in"),
        (Interrupted(), "--read-ahead", "Reading ahead was stopped. The articles are in"),
        (Gone(), "--read-ahead", "Nothing was read ahead: The model broke."),
        (Gone(), "--no-read-ahead", ""),
    ],
)
def test_ingest_succeeds_whatever_becomes_of_reading_ahead(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    engine: ScriptedEngine,
    flag: str,
    told: str,
) -> None:
    monkeypatch.setattr("bot.assemble.embedder_for", lambda settings, progress=None: FakeEmbedder())
    monkeypatch.setattr("bot.assemble.engine_for", lambda settings, notify=None: engine)
    source = tmp_path / "one.txt"
    source.write_text("The ship left the bank.", "utf-8")
    words = ["ingest", str(source), flag, "--model", "ollama:any", "--library", str(tmp_path / "new")]
    assert run(words) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("1 added, ")
    assert told in captured.err
    assert len(versions_of(tmp_path / "new")) == 1
    assert bool(told) == bool("ahead" in captured.err)
