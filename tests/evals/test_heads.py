"""Fitting heads to labelled pairs."""

import json
from pathlib import Path

import numpy as np
import pytest

from bot.grounding.heads import parse
from bot.models.scripted import ScriptedEngine
from evals.errors import CasesRefused
from evals.fit import auc
from evals.heads import CHECKS, PAIRS, Asked, Example, examples_of, fit_all, fit_head, viewed

STORY = {
    "id": "t-01",
    "headline": "Ferry stays in port",
    "sentences": ["The ferry did not sail on Monday [4 May 2015].", "The harbour office blamed the wind."],
    "polarity": [
        {"sentences": [0], "question": "Did the ferry sail on Monday?", "truth": "no"},
        {"sentences": [0, 1], "question": "Will it sail on Tuesday?", "truth": "untold"},
    ],
}
TOKENS = (3, 5, 7, 9, 11, 13)
ABOUT = {"model": "m", "digest": "d", "yes": [3], "no": [5]}


def written(folder: Path, *stories: object) -> Path:
    path = folder / "some.jsonl"
    path.write_text("".join(json.dumps(s) + "\n" for s in stories))
    return path


def test_a_story_gives_one_example_for_each_question(tmp_path: Path) -> None:
    found = list(examples_of(written(tmp_path, STORY)))
    assert [dict(e.right) for e in found] == [{"yes": False, "no": True}, {"yes": False, "no": False}]
    assert {e.group for e in found} == {"some:t-01"}
    assert "[4 May 2015]. The harbour office blamed the wind." in found[1].messages[-1].content


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {**STORY, "sentences": []},
        {**STORY, "polarity": [{"sentences": [0], "question": "?", "truth": "so"}]},
        [1],
    ],
)
def test_a_line_that_is_no_story_is_refused_by_its_number(tmp_path: Path, broken: object) -> None:
    with pytest.raises(CasesRefused, match=r"some\.jsonl:2"):
        list(examples_of(written(tmp_path, STORY, broken)))


def test_every_shipped_story_is_whole() -> None:
    found = list(examples_of(PAIRS))
    assert len(found) >= 1000
    for check in ("yes", "no"):
        assert sum(e.right[check] for e in found) / len(found) == pytest.approx(1 / 3, abs=0.03)


def examples(n: int = 400) -> tuple[list[Example], np.ndarray]:
    """What is right shows in the scores of two tokens that are neither Yes nor No, and a little in those."""
    rng = np.random.default_rng(5)
    right = rng.random(n) < 0.5
    raw = rng.normal(size=(n, len(TOKENS)))
    raw[:, 3] += 1.5 * right
    raw[:, 5] -= 1.5 * right
    raw[:, 0] += 0.3 * right
    made = [Example("made", f"g{i}", (), dict.fromkeys(CHECKS, bool(right[i]))) for i in range(n)]
    return made, raw


def test_a_head_tells_more_than_yes_against_no(capsys: pytest.CaptureFixture[str]) -> None:
    made, raw = examples()
    heads = parse(fit_all(made, raw, TOKENS, ABOUT), where="test")
    fresh, scores = examples(300)
    y = np.array([e.right["answers"] for e in fresh], dtype=np.float64)
    by_head = np.array([heads.log_odds("answers", list(row)) for row in scores])
    by_word = np.array([heads.plain(list(row)) for row in scores])
    assert auc(y, by_head) > 0.85 > 0.7 > auc(y, by_word)
    assert "400 pairs" in capsys.readouterr().out


def test_log_odds_are_probabilities_that_can_be_trusted() -> None:
    made, raw = examples(20_000)  # so many that the penalty hardly counts
    y = np.array([e.right["answers"] for e in made], dtype=np.float64)
    centred, plain = raw - raw.mean(axis=1, keepdims=True), raw[:, 0] - raw[:, 1]
    told = 1 / (1 + np.exp(-fit_head(centred, plain, y, np.ones(len(y)))(centred, plain)))
    for low in (0.2, 0.5, 0.8):
        some = (told >= low) & (told < low + 0.2)
        assert y[some].mean() == pytest.approx(told[some].mean(), abs=0.08)


def test_an_engine_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="scripted:test does not tell its vocabulary"):
        viewed(ScriptedEngine())


def test_replies_are_kept_for_the_same_weights_only(tmp_path: Path) -> None:
    one, _ = examples_of(written(tmp_path, STORY))

    class Once(ScriptedEngine):
        def scores(self, messages: object, tokens: object, cancel: object = None) -> tuple[float, ...]:
            self.calls.append("asked")  # type: ignore[arg-type]  # only counted
            return (1.0, 2.0)

    engine, path = Once(), tmp_path / "asked.npz"
    for digest in ("a", "a", "b"):
        asked = Asked(path, (3, 5), digest)
        assert list(asked.scores(engine, one.messages, (3, 5))) == [1.0, 2.0]
        asked.save()
    assert len(engine.calls) == 2


def test_a_check_without_examples_gets_no_head() -> None:
    made, raw = examples(60)
    only = [Example(e.suite, e.group, (), {"yes": e.right["yes"]}) for e in made]
    assert set(fit_all(only, raw, TOKENS, ABOUT)["heads"]) == {"yes"}
