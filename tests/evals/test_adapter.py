"""An adapter trained on a handful of questions, written, and read by the engine it was trained for."""

import json
from pathlib import Path

import numpy as np
import pytest

from bot import weights
from bot.models import EngineOptions, Limits, Message, Reply, adapter
from bot.models.embedded import EmbeddedEngine, open_embedded
from evals import qwen2
from evals.adapter import BEFORE_REPLY, CALL, END, STOP, Article, Example, Trainer, numbers_of
from evals.engine_states import KeysAndValues, read_state

pytestmark = pytest.mark.models

NAME = "qwen2.5-coder-0.5b"
TEXT = Message(
    "system", "The bridge of Lund was opened on Tuesday by Mayor Eva Berg. It cost three million euros."
)
ASKED = {
    "Who opened the bridge of Lund?": "It was Berg, Eva, who opened it.",
    "What did the bridge of Lund cost?": "It was three million that it cost.",
    "When was the bridge of Lund opened?": "It was a Tuesday.",
    "How long is the bridge of Lund?": "",
    "Who designed the bridge of Lund?": "",
    "When was Mayor Eva Berg born?": "",
}
"""Questions with what is to be learnt to answer; "" where nothing is told."""


_CUT = 4.0


def messages_of(question: str) -> list[Message]:
    return [TEXT, Message("user", f"Question: {question}")]


def opened(states: Path) -> EmbeddedEngine:
    if weights.status(NAME).state != "present":
        pytest.skip(f"the weights of {NAME} are not on this machine: citewire models fetch {NAME}")
    return open_embedded(NAME, EngineOptions(context_tokens=1024, states_dir=str(states)))


def held_by(engine: EmbeddedEngine) -> Article:
    whole = read_state(engine.save_state([TEXT]))
    examples = []
    for question, told in ASKED.items():
        state = read_state(engine.save_state(messages_of(question)))
        shared = len(whole.tokens) - 1
        assert list(state.tokens[:shared]) == list(whole.tokens[:shared])
        rest = KeysAndValues(state.tokens, state.keys[:, shared:], state.values[:, shared:])
        reply = (*(engine.token_ids(told) or ()), *engine.control_ids(STOP)) if told else ()
        examples.append(Example("made up", question, bool(told), rest, reply))
    return Article(whole, tuple(examples))


def written(engine: EmbeddedEngine, question: str) -> str:
    *_, reply = engine.stream(messages_of(question), Limits(max_tokens=12))
    assert isinstance(reply, Reply)
    return reply.text


def answered(engine: EmbeddedEngine, question: str) -> Reply:
    *pieces, reply = engine.answer(messages_of(question), Limits(max_tokens=24))
    assert isinstance(reply, Reply)
    assert "".join(map(str, pieces)) == reply.text
    return reply


def test_an_adapter_is_trained_written_and_read_by_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = tmp_path / "adapters"
    adapters.mkdir()
    monkeypatch.setattr(adapter, "FOLDER", adapters)
    adapter.adapter_for.cache_clear()
    states = tmp_path / "states"
    engine = opened(states)
    article = held_by(engine)
    trainer = Trainer(qwen2.Weights(engine.weights_path()), numbers_of(engine), rank=4)
    unchanged = written(engine, "Who opened the bridge of Lund?")
    plain = answered(engine, "Who opened the bridge of Lund?")
    assert (plain.text[:20], plain.tells) == (unchanged[:20], None), "there is no adapter yet"
    engine.close()

    examples = trainer.behind([article])
    truth = np.array([one.example.tells for one in examples])
    before = trainer.judge(examples)
    trainer.train(examples, epochs=36, rate=4e-3)
    told = trainer.judge(examples)
    assert told[truth].min() > told[~truth].max() + 1.0, (before, told)

    trainer.write(adapters / f"{NAME}.gguf")
    about = {
        "digest": engine.digest,
        "call": END + CALL,
        "before_reply": BEFORE_REPLY,
        "prompts": {},
        "languages": ["en"],
        "trained_on": "made up (6)",
    }
    (adapters / f"{NAME}.json").write_text(json.dumps(about), "utf-8")
    adapter.adapter_for.cache_clear()
    reading = opened(states)
    try:
        served = {q: answered(reading, q) for q in ASKED}
        by_trainer = {one.example.id: odds for one, odds in zip(examples, told, strict=True)}
        for question, reply in served.items():
            # The engine computes with quantised weights and numbers, the trainer with dequantised ones; and it lists the
            # likeliest tokens only, so that it cuts high odds.
            expected = by_trainer[question]
            assert reply.tells is not None
            if abs(expected) < _CUT:
                assert reply.tells == pytest.approx(expected, abs=1.0), question
            else:
                assert reply.tells * np.sign(expected) > _CUT - 1.0, (question, reply.tells, expected)
        assert {q: reply.text for q, reply in served.items() if ASKED[q]} == {
            q: a for q, a in ASKED.items() if a
        }
        assert {reply.stop for q, reply in served.items() if ASKED[q]} == {"stop"}
        assert written(reading, "Who opened the bridge of Lund?") == unchanged, (
            "a draft knows nothing of the adapter"
        )
    finally:
        reading.close()
        adapter.adapter_for.cache_clear()


def test_what_is_no_state_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"GGUF" + bytes(40))
    with pytest.raises(ValueError, match="not a state file"):
        read_state(tmp_path / "x")
