"""Finding the adapter of a model's weights, and asking it only behind the prompts it was trained with."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot import prompt, weights
from bot.grounding.checks import ask_article
from bot.models import adapter
from bot.models.adapter import Adapter, adapter_for
from bot.models.base import Message
from bot.models.scripted import ScriptedEngine
from bot.prompts import load
from store.errors import ConfigError
from tests.bot.test_polarity import READING

ABOUT: dict[str, Any] = {
    "digest": "ab12",
    "call": "<|im_end|>\n<|im_start|>told?\n",
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


class Telling(ScriptedEngine):
    asked: tuple[Message, ...] = ()

    def tells(self, messages: Sequence[Message], cancel: threading.Event | None = None) -> float | None:
        self.asked = tuple(messages)
        return 1.5


def told_by(prompts: dict[str, str] | None) -> tuple[float | None, Telling]:
    engine = Telling()
    if prompts is not None:
        engine.adapter = Adapter(Path("tiny.gguf"), "ab12", "told?", prompts, "made up (4)")
    return ask_article(engine, READING, "Who signed?", "who", None), engine


def test_the_article_is_asked_where_its_draft_would_begin() -> None:
    told, engine = told_by({"draft": load("draft").version})
    assert told == 1.5
    assert engine.asked == prompt.draft(READING, "Who signed?", "who")


def test_an_adapter_of_other_prompts_is_not_asked() -> None:
    told, engine = told_by({"draft": "v0"})
    assert told is None
    assert engine.asked == ()
    assert told_by(None)[0] is None
