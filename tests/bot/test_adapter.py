"""Finding the adapter of a model's weights, and asking it only behind the prompts it was trained with."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import prompt, weights
from bot.grounding.attempt import Attempt, attempt
from bot.grounding.decide import calibration_for
from bot.models import adapter
from bot.models.adapter import Adapter, adapter_for
from bot.models.base import Limits, Message, Reply
from bot.models.scripted import ScriptedEngine
from bot.prompts import load
from bot.questions import Kind
from store.errors import ConfigError
from tests.bot.test_polarity import READING

ABOUT: dict[str, Any] = {
    "digest": "ab12",
    "call": "<|im_end|>\n<|im_start|>told?\n",
    "before_reply": "Yes\n",
    "prompts": {"draft": "v3"},
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

    asked: tuple[Message, ...] = ()

    def answer(
        self, messages: Sequence[Message], limits: Limits, cancel: threading.Event | None = None
    ) -> Iterator[str | Reply]:
        self.asked = tuple(messages)
        yield "Russia and Qatar signed it."
        yield Reply("Russia and Qatar signed it.", "stop", tells=1.5)

    def tells(self, messages: Sequence[Message], cancel: threading.Event | None = None) -> float | None:
        self.asked = tuple(messages)
        return 2.5


def attempted(prompts: dict[str, str] | None, question: str, kind: Kind) -> tuple[Attempt, Answering]:
    engine = Answering()
    if prompts is not None:
        engine.adapter = Adapter(Path("tiny.gguf"), "ab12", "told?", "Yes\n", prompts, "made up (4)")
    *_, made = attempt(engine, READING, question, kind, calibration_for(engine.spec), lambda *_: None)
    assert isinstance(made, Attempt)
    return made, engine


def test_the_adapter_answers_where_the_draft_would_begin() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Who signed?", "who")
    assert engine.asked == prompt.draft(READING, "Who signed?", "who")
    assert made.draft == "Russia and Qatar signed it."
    assert made.checks.article_tells == 1.5


def test_what_wants_more_than_a_name_is_drafted_without_it_and_told_all_the_same() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Why was it signed?", "why")
    assert engine.asked == prompt.draft(READING, "Why was it signed?", "why")
    assert made.draft != "Russia and Qatar signed it."
    assert made.checks.article_tells == 2.5


def test_of_a_yes_or_no_the_adapter_is_not_asked() -> None:
    made, engine = attempted({"draft": load("draft").version}, "Did Russia sign?", "yes_no")
    assert engine.asked == ()
    assert made.checks.article_tells is None


def test_an_adapter_of_other_prompts_is_not_asked() -> None:
    made, engine = attempted({"draft": "v0"}, "Who signed?", "who")
    assert engine.asked == ()
    assert made.checks.article_tells is None
    assert attempted(None, "Who signed?", "who")[1].asked == ()
