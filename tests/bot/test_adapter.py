"""Finding the adapter of a model's weights, and asking it only behind the prompts it was trained with."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import prompt, weights
from bot.grounding.attempt import Attempt, attempt
from bot.grounding.decide import Calibration, calibration_for, parse
from bot.models import adapter
from bot.models.adapter import Adapter, adapter_for
from bot.models.base import Limits, Message, Reply
from bot.models.scripted import ScriptedEngine
from bot.prompts import load
from bot.questions import Kind
from store.errors import ConfigError
from tests.bot.archive import ask, library_of
from tests.bot.test_polarity import READING

ABOUT: dict[str, Any] = {
    "digest": "ab12",
    "call": "<|im_end|>\n<|im_start|>told?\n",
    "before_reply": "Yes\n",
    "prompts": {"draft": "v3"},
    "languages": ["en"],
    "trained_on": "made up (4)",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(adapter, "FOLDER", tmp_path)
    adapter_for.cache_clear()
    yield tmp_path
    adapter_for.cache_clear()


def test_an_adapter_is_found_by_the_weights_it_was_trained_with(folder: Path) -> None:
    (folder / "tiny.json").write_text(json.dumps(ABOUT), "utf-8")
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    found = adapter_for("ab12")
    assert found is not None
    assert found.path == folder / "tiny.gguf"
    assert adapter_for("cd34") is None


@pytest.mark.parametrize("about", ["{", '{"digest": "ab12"}', json.dumps({**ABOUT, "prompts": 3})])
def test_a_damaged_description_is_named(folder: Path, about: str) -> None:
    (folder / "tiny.json").write_text(about, "utf-8")
    with pytest.raises(ConfigError, match=r"tiny\.json.*reinstall"):
        adapter_for("ab12")


def test_a_description_without_its_adapter_is_named(folder: Path) -> None:
    (folder / "tiny.json").write_text(json.dumps(ABOUT), "utf-8")
    with pytest.raises(ConfigError, match=r"tiny\.gguf is gone"):
        adapter_for("ab12")


def test_the_shipped_adapter_is_bound_to_the_pinned_weights_and_the_prompts_in_use() -> None:
    found = adapter_for(weights.entry("qwen2.5-coder-1.5b").sha256)
    assert found is not None
    assert found.prompts == {name: load(name).version for name in ("read", "opening", "draft", "tasks")}


class Answering(ScriptedEngine):
    """Answers otherwise, and tells its odds, where its adapter is called."""

    answers = "Russia and Qatar signed it."
    asked: tuple[Message, ...] = ()

    def answer(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        self.asked = tuple(messages)
        yield self.answers
        yield Reply(self.answers, "stop", tells=1.5, says_yes=-0.5)


def attempted(
    prompts: dict[str, str] | None,
    question: str,
    kind: Kind,
    calibration: Calibration | None = None,
    answers: str = "Russia and Qatar signed it.",
) -> tuple[Attempt, Answering]:
    engine = Answering(odds=(1.0,))
    engine.answers = answers
    if prompts is not None:
        engine.adapter = Adapter(Path("tiny.gguf"), "ab12", "told?", "Yes\n", prompts, "made up (4)", ("en",))
    by = calibration or calibration_for(engine.spec)
    *_, made = attempt(engine, READING, question, kind, by, lambda *_: None)
    assert isinstance(made, Attempt)
    return made, engine


def test_the_adapter_answers_where_the_draft_would_begin() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Who signed?", "who")
    assert engine.asked == prompt.draft(READING, "Who signed?", "who")
    assert made.draft == "Russia and Qatar signed it."
    assert made.checks.article_tells == 1.5


def test_a_yes_or_no_is_drafted_by_it_too() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Did Russia sign?", "yes_no")
    assert engine.asked == prompt.draft(READING, "Did Russia sign?", "yes_no")
    assert made.checks.says_yes == -0.5


def test_a_list_is_drafted_without_it_and_told_all_the_same() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Which bridges were opened?", "list")
    assert engine.asked == prompt.draft(READING, "Which bridges were opened?", "list")
    assert made.draft != "Russia and Qatar signed it."
    assert made.checks.article_tells == 1.5


def test_an_adapter_of_other_prompts_is_not_asked() -> None:
    made, engine = attempted({"draft": "v0"}, "Who signed?", "who")
    assert engine.asked == ()
    assert made.checks.article_tells is None
    assert attempted(None, "Who signed?", "who")[1].asked == ()


def test_a_question_in_a_language_that_it_was_not_trained_on_is_asked_without_it() -> None:
    made, engine = attempted({"draft": load("draft").version}, "¿Quién firmó el acuerdo?", "who")
    assert engine.asked == ()
    assert made.checks.article_tells is None


def told_by(name: str, **more: Any) -> dict[str, Any]:
    """A calibration of one measurement: its probability is 1 / (1 + e^-measured)."""
    one = {"mean": 0.0, "scale": 1.0, "weight": 1.0, "low": -6, "high": 6}
    made = {"model": "m", "fitted_on": "made up", "intercept": 0.0, "threshold": 0.5, "sure": 0.99}
    return {**made, "features": {name: one}, **more}


@pytest.mark.parametrize(("threshold", "accepted"), [(0.8, True), (0.9, False)])
def test_sentences_are_asked_only_where_its_draft_does_not_hold(threshold: float, accepted: bool) -> None:
    told = told_by("article_tells", low=0.1, high=0.8)  # 1 / (1 + e^-1.5) = 0.82, as plain as can be
    made, engine = attempted(
        {"draft": load("draft").version},
        "Who opened the Annis bridge?",
        "who",
        parse(
            told_by("stated", threshold=threshold, gate=told_by("article_tells"), quick=told), where="test"
        ),
        "King Orvel of Dalby.",
    )
    assert made.accepted is accepted
    assert ("log_odds" in [call.kind for call in engine.calls]) is not accepted
    assert bool(made.telling) is not accepted


@pytest.mark.parametrize(("bias", "word"), [(0.0, "No"), (2.0, "Yes")])
def test_a_yes_or_no_is_the_likelier_by_what_the_adapter_says_too(bias: float, word: str) -> None:
    yes = {**told_by("says_yes"), "intercept": bias}
    by = parse(told_by("stated", yes=yes, gate=told_by("article_tells")), where="test")
    question = "Did King Orvel visit Larkhaven?"
    made, _ = attempted({"draft": load("draft").version}, question, "yes_no", by)
    assert made.draft.startswith(f"{word}:")
    assert made.accepted
    silent = replace(by, yes=parse({**yes, "threshold": 0.9}, where="test"))
    assert not attempted({"draft": load("draft").version}, question, "yes_no", silent)[0].accepted


def test_a_further_article_is_asked_as_a_whole_whether_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one tells nothing; of the others the one that tells is drafted from, and no sentence is asked first."""
    base = {"published": "2018-01-01"}
    articles = {
        "a": {**base, "title": "Bridge of Annis", "text": "The bridge of Annis is painted green by Lark."},
        "b": {**base, "title": "Bridge of Annis", "text": "The bridge of Annis was bought by Dalby."},
        "c": {**base, "title": "Bridge of Annis", "text": "The bridge of Annis is closed, said Osei."},
    }
    drafted: list[str] = []

    class Telling(Answering):
        def answer(
            self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
        ) -> Iterator[str | Reply]:
            read = next(key for key in ("Lark", "Dalby", "Osei") if key in messages[0].content)
            tells = 3.0 if read == "Dalby" else -3.0
            if limits.max_tokens > 1:
                drafted.append(read)
            yield Reply(f"{read}.", "stop", tells=tells, says_yes=0.0)

    by = parse(told_by("article_tells", gate=told_by("article_tells")), where="test")
    monkeypatch.setattr("bot.answering.calibration_for", lambda *_, **__: by)
    engine = Telling(odds=(-1.0,))
    prompts = {"draft": load("draft").version}
    engine.adapter = Adapter(Path("tiny.gguf"), "ab12", "told?", "Yes\n", prompts, "made up (4)", ("en",))
    with library_of(tmp_path, articles) as three:
        hits = three.search("bridge Annis", 9)
        ordered = sorted(hits, key=lambda h: h.passage.article_id)
        answer = ask(
            three, engine, "Who has the bridge of Annis?", search=lambda *_: tuple(ordered), most_articles=3
        )
    assert drafted == ["Lark", "Dalby"]
    assert "Dalby" in answer.text
