"""The small parts of the models: thinking, odds, states, guard, script, names."""

import json
import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from bot.errors import AnswerIncomplete, ModelMissing, WeightsMissing
from bot.models import EngineOptions, Limits, Message, Reply, open_engine
from bot.models.embedded import EmbeddedEngine
from bot.models.guard import End, Item, Piece, guarded
from bot.models.langchain import EngineChat
from bot.models.odds import log_odds
from bot.models.scripted import ScriptedEngine
from bot.models.states import StateFolder
from bot.models.thinking import ThinkingFilter
from store.errors import ConfigError


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        (("plain < text",), "plain < text"),
        (("<think>a</think>b",), "b"),
        (("<th", "ink>a</thi", "nk>\n\nb"), "b"),
        (("x", "<think>never closed"), "x"),
        (("a <", "b"), "a <b"),
        (("a<think>b</think>c<think>d</think>e",), "ace"),
    ],
)
def test_thinking_is_removed_wherever_it_is_cut(pieces: tuple[str, ...], shown: str) -> None:
    thinking = ThinkingFilter()
    assert "".join([*map(thinking.feed, pieces), thinking.finish()]) == shown


def test_log_odds_sum_the_variants_of_a_side() -> None:
    listed = [("Yes", math.log(0.4)), (" Yes", math.log(0.2)), ("No", math.log(0.3)), ("x", math.log(0.1))]
    assert log_odds(listed, ("Yes", " Yes"), ("No",)) == pytest.approx(math.log(2))


def test_unlisted_side_counts_as_just_below_the_least_listed() -> None:
    listed = [("Yes", -0.1), ("x", -5.0)]
    assert log_odds(listed, ("Yes",), ("No",)) == pytest.approx(4.901)
    assert log_odds([], ("Yes",), ("No",)) is None


def write(folder: Path, tokens: int | None = 3) -> "tuple[StateFolder, object]":
    states = StateFolder(folder, limit_bytes=1000, identity="m")
    assert states.ready()

    def save(name: str) -> int | None:
        (folder / name).write_bytes(b"x" * 300)
        return tokens

    return states, save


def test_kept_state_is_found_for_the_same_tokens_only(tmp_path: Path) -> None:
    states, save = write(tmp_path)
    assert states.keep("a", [1, 2, 3], save)  # type: ignore[arg-type]  # the helper's own function
    found = states.find("a", [1, 2, 3])
    assert found is not None
    assert found.tokens == 3
    assert states.find("a", [1, 2, 4]) is None
    assert states.find("b", [1, 2, 3]) is None
    assert StateFolder(tmp_path, limit_bytes=1000, identity="n").find("a", [1, 2, 3]) is None


def test_damaged_state_is_deleted(tmp_path: Path) -> None:
    states, save = write(tmp_path)
    states.keep("a", [1], save)  # type: ignore[arg-type]  # the helper's own function
    path = tmp_path / states.name("a", [1])
    path.write_bytes(b"y" * 300)
    assert states.find("a", [1]) is None
    assert list(tmp_path.iterdir()) == []


def test_least_recently_used_states_go_first(tmp_path: Path) -> None:
    states, save = write(tmp_path)
    for n in range(3):
        states.keep("a", [n], save)  # type: ignore[arg-type]  # the helper's own function
        time.sleep(0.02)
    assert states.find("a", [0]) is not None  # used just now
    time.sleep(0.02)
    states.keep("a", [3], save)  # type: ignore[arg-type]  # the helper's own function
    assert [states.find("a", [n]) is not None for n in range(4)] == [True, False, True, True]


def test_folder_that_went_away_costs_nothing_but_speed(tmp_path: Path) -> None:
    gone = StateFolder(tmp_path / "gone", limit_bytes=1000, identity="m")
    assert gone.find("a", [1]) is None
    assert not gone.keep("a", [1], lambda name: 3)
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert not StateFolder(tmp_path / "file", limit_bytes=1, identity="m").ready()


def test_guard_reports_what_the_model_wrote() -> None:
    def source() -> Iterator[Item]:
        yield Piece("a", (-1.0,))
        yield Piece("b", (-3.0,))
        yield End("length", 5, 4, 2)

    hung_up: list[bool] = []
    *pieces, reply = guarded(source, Limits(), None, hang_up=lambda: hung_up.append(True), who="M")
    assert pieces == ["a", "b"]
    assert isinstance(reply, Reply)
    assert (reply.text, reply.stop, reply.mean_logprob) == ("ab", "length", -2.0)
    assert (reply.prompt_tokens, reply.cached_tokens, reply.completion_tokens) == (5, 4, 2)
    assert hung_up == [True]


def test_guard_calls_a_stream_without_an_end_incomplete() -> None:
    with pytest.raises(AnswerIncomplete) as raised:
        list(guarded(lambda: iter([Piece("a")]), Limits(), None, hang_up=lambda: None, who="M"))
    assert raised.value.partial == "a"


def test_scripted_engine_plays_its_lines_and_keeps_its_calls(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"replies": ["one two", "three"], "odds": [1.5, None]}), encoding="utf-8")
    engine = open_engine(f"scripted:{path}")
    assert isinstance(engine, ScriptedEngine)
    asked = [Message("user", "Who?")]
    *pieces, reply = engine.stream(asked, Limits())
    assert pieces == ["one", " two"]
    assert isinstance(reply, Reply)
    assert reply.text == "one two"
    assert [engine.log_odds(asked), engine.log_odds(asked)] == [1.5, None]
    assert [call.kind for call in engine.calls] == ["stream", "log_odds", "log_odds"]


def test_scripted_engine_can_fail_and_compute() -> None:
    engine = ScriptedEngine(replies=[lambda messages: messages[-1].content.upper(), ModelMissing("gone")])
    assert next(iter(engine.stream([Message("user", "hi")], Limits()))) == "HI"
    with pytest.raises(ModelMissing, match="gone"):
        list(engine.stream([], Limits()))


def test_scripted_engine_stops() -> None:
    cancel = threading.Event()
    cancel.set()
    (reply,) = ScriptedEngine(replies=["a b"]).stream([], Limits(), cancel)
    assert reply == Reply("", "cancelled")


def test_any_engine_is_a_langchain_chat_model() -> None:
    engine = ScriptedEngine(replies=["Doha hosted."])
    chat = EngineChat(engine=engine)
    answer = chat.invoke([SystemMessage("Short."), HumanMessage("Who?")], stop=["END"])
    assert answer.content == "Doha hosted."
    assert answer.usage_metadata == {"input_tokens": 4, "output_tokens": 2, "total_tokens": 6} | {
        "input_token_details": {"cache_read": 0}
    }
    assert engine.calls[0].messages == (Message("system", "Short."), Message("user", "Who?"))
    assert engine.calls[0].limits == Limits(stop=("END",))
    assert [chunk.content for chunk in chat.stream("Who?")] == ["Doha", " hosted.", ""]


@pytest.mark.parametrize("spec", ["nonsense", "gpt:x", "ollama:", "openai:x"])
def test_unknown_models_are_refused_with_the_known_ones(spec: str) -> None:
    with pytest.raises(ConfigError):
        open_engine(spec)


def test_embedded_names_are_checked_at_once(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"qwen2\.5-coder-1\.5b"):
        open_engine("embedded:nope")
    with pytest.raises(WeightsMissing, match="not a chat model"):
        open_engine("embedded:all-MiniLM-L6-v2")
    page = tmp_path / "page.gguf"
    page.write_text("<html>", encoding="utf-8")
    with pytest.raises(WeightsMissing, match="not a GGUF"):
        open_engine(f"embedded:{page}")


def test_b03_too_little_memory_is_said_before_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 10_000_000})())
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    engine = open_engine(f"embedded:{path}")
    with pytest.raises(Exception, match=r"needs about .* GB of memory, 0\.0 GB are free"):
        list(engine.stream([Message("user", "Who?")], Limits()))
    assert engine.status().state == "error"


def test_b01_gguf_that_is_none_inside_is_said_at_the_first_call(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    engine = open_engine(f"embedded:{path}", EngineOptions(context_tokens=256))
    assert isinstance(engine, EmbeddedEngine)
    with pytest.raises(Exception, match="could not be loaded"):
        engine.log_odds([Message("user", "Who?")])
    engine.close()
    engine.close()
