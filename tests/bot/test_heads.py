"""Reading a check's first token by fitted heads."""

import math
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from bot.grounding import heads
from bot.grounding.checks import ask_answers, ask_polarity
from bot.grounding.heads import Heads, parse
from bot.models.base import Message
from bot.models.scripted import ScriptedEngine
from store.errors import ConfigError
from tests.bot.test_polarity import READING

RAW: dict[str, Any] = {
    "model": "tiny",
    "digest": "ab12",
    "fitted_on": "made up (4)",
    "tokens": [11, 22, 33, 44],
    "yes": [11, 22],
    "no": [33],
    "heads": {
        "answers": {"prompt": "answers v2", "bias": 0.5, "odds": 2.0, "weights": [0.0, 0.0, 0.0, 1.0]},
        "yes": {"prompt": "polarity v1", "bias": 0.0, "odds": 1.0, "weights": [0.0, 0.0, 0.0, 0.0]},
        "no": {"prompt": "polarity v1", "bias": 0.0, "odds": -1.0, "weights": [0.0, 0.0, 0.0, 0.0]},
    },
}
SCORES = (1.0, 1.0, 0.0, -2.0)


class Telling(ScriptedEngine):
    """Gives the same scores for every question, and counts how often it was asked."""

    asked = 0

    def scores(
        self, messages: Sequence[Message], tokens: Sequence[int], cancel: threading.Event | None = None
    ) -> tuple[float, ...] | None:
        self.asked += 1
        assert list(tokens) == RAW["tokens"]
        return None if cancel is not None and cancel.is_set() else SCORES


def engine(digest: str = "ab12") -> Telling:
    return Telling(odds=(-7.0,), spec="embedded:tiny", digest=digest)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Heads:
    found = parse(RAW, where="test")
    monkeypatch.setattr(heads, "_read", lambda name: found if name == "tiny" else None)
    return found


def test_a_head_adds_its_weights_to_the_plain_log_odds(fitted: Heads) -> None:
    plain = 1.0 + math.log(2)  # two spellings of Yes at 1 against one of No at 0
    assert fitted.plain(SCORES) == pytest.approx(plain)
    assert fitted.log_odds("answers", SCORES) == pytest.approx(0.5 + 2 * plain - 2.0)  # the mean is 0


def test_a_common_number_in_all_scores_tells_nothing(fitted: Heads) -> None:
    moved = [s + 17.0 for s in SCORES]
    assert fitted.log_odds("answers", moved) == pytest.approx(fitted.log_odds("answers", SCORES))


def test_a_check_is_read_by_its_head(fitted: Heads) -> None:
    told = ask_answers(engine(), READING, "It rained.", "Did it rain?", None)
    assert told == pytest.approx(fitted.log_odds("answers", SCORES))


def test_yes_and_no_are_read_from_one_reply(fitted: Heads) -> None:
    asked = engine()
    assert ask_polarity(asked, "It rained.", "Did it rain?", None) == pytest.approx(
        (fitted.plain(SCORES), -fitted.plain(SCORES))
    )
    assert asked.asked == 1


@pytest.mark.usefixtures("fitted")
def test_other_weights_are_read_by_yes_against_no() -> None:
    assert ask_answers(engine(digest="cd34"), READING, "It rained.", "Did it rain?", None) == -7.0
    assert ask_polarity(engine(digest="cd34"), "It rained.", "Did it rain?", None) is None


@pytest.mark.usefixtures("fitted")
def test_an_engine_that_keeps_one_state_has_no_heads() -> None:
    one = engine()
    one.one_state = True
    assert heads.heads_for(one) is None


@pytest.mark.usefixtures("fitted")
def test_what_was_stopped_tells_nothing() -> None:
    stop = threading.Event()
    stop.set()
    assert ask_polarity(engine(), "It rained.", "Did it rain?", stop) is None


@pytest.mark.parametrize(
    "broken",
    [
        {"tokens": [11, 22]},
        {"yes": [99]},
        {"heads": {"answers": {"prompt": "answers v2"}}},
        {"heads": None},
    ],
)
def test_a_broken_file_is_refused_by_name(broken: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"tiny\.json.*citewire eval heads"):
        parse({**RAW, **broken}, where="tiny.json")


def test_the_shipped_heads_fit_the_prompts_in_use() -> None:
    shipped = heads._read("qwen2.5-coder-1.5b")
    assert shipped is not None
    assert set(shipped.heads) == {"answers", "yes", "no"}
