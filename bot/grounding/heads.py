"""What a check makes of the model's first token: instead of Yes against No alone, a fitted weight for each of a few hundred tokens.

The scores of all tokens are a linear picture of what the model holds in mind when it is about to answer, of which Yes and No
are two views. A logistic regression on a few hundred of them is a linear probe of that state (Alain and Bengio 2016,
arXiv:1610.01644) which costs no more than the check itself. Heads are data, fitted by `citewire eval heads` to one
model's weights and one version of a prompt; with any other the plain log-odds decide.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bot import prompt
from bot.grounding.decide import FOLDER, file_stem
from bot.models.base import Engine, Message
from bot.models.odds import log_sum
from bot.prompts import load
from bot.questions import Kind
from store.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Head:
    """One fitted reading of a check's first token.

    Attributes:
        prompt: Name and version of the prompt it was fitted to: "answers v2".
        bias, odds: Added, and the weight of the plain log-odds of Yes against No.
        weights: One for each of `Heads.tokens`.
    """

    prompt: str
    bias: float
    odds: float
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Heads:
    """All heads of one model.

    Attributes:
        digest: SHA-256 of the weights they were fitted to.
        tokens: Numbers in the model's vocabulary whose scores are asked for.
        yes, no: Places in `tokens` of the spellings of either word.
    """

    model: str
    digest: str
    fitted_on: str
    tokens: tuple[int, ...]
    yes: tuple[int, ...]
    no: tuple[int, ...]
    heads: Mapping[str, Head]

    def log_odds(self, name: str, scores: Sequence[float]) -> float:
        """Natural-log odds that what head `name` was fitted to is so.

        Args:
            scores: Of `tokens`, natural log up to a common number.
        """
        head = self.heads[name]
        middle = sum(scores) / len(scores)
        told = sum(w * (s - middle) for w, s in zip(head.weights, scores, strict=True))
        return head.bias + head.odds * self.plain(scores) + told

    def plain(self, scores: Sequence[float]) -> float:
        """Natural-log odds of Yes against No."""
        return log_sum([scores[i] for i in self.yes]) - log_sum([scores[i] for i in self.no])


def heads_for(engine: Engine) -> Heads | None:
    """Those fitted to the engine's very weights and to the prompts as they are; None where there are none."""
    if engine.one_state:
        return None
    found = _read(file_stem(engine.spec))
    return found if found is not None and found.digest == engine.digest else None


@cache
def _read(name: str) -> Heads | None:
    path = FOLDER / f"{name}.probe.json"
    if not path.is_file():
        return None
    found = parse(json.loads(path.read_text("utf-8")), where=path.name)
    outdated = any(head.prompt != current(head.prompt.split()[0]) for head in found.heads.values())
    return None if outdated else found


def current(name: str) -> str:
    """A prompt's name with the version in use."""
    return f"{name} {load(name).version}"


def parse(raw: Mapping[str, Any], *, where: str) -> Heads:
    """Raises: ConfigError: A key is missing or has the wrong type."""
    try:
        tokens = tuple(int(t) for t in raw["tokens"])
        heads = {
            name: Head(
                str(one["prompt"]),
                float(one["bias"]),
                float(one["odds"]),
                tuple(float(w) for w in one["weights"]),
            )
            for name, one in raw["heads"].items()
        }
        if any(len(head.weights) != len(tokens) for head in heads.values()):
            raise ValueError("a head needs one weight for each token")
        return Heads(
            str(raw["model"]),
            str(raw["digest"]),
            str(raw["fitted_on"]),
            tokens,
            tuple(tokens.index(int(t)) for t in raw["yes"]),
            tuple(tokens.index(int(t)) for t in raw["no"]),
            heads,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{where}: not a file of heads ({error}); fit it anew with: citewire eval heads"
        ) from error


def ask(
    engine: Engine, names: Sequence[str], messages: Sequence[Message], cancel: threading.Event | None
) -> tuple[float, ...] | None:
    """Log-odds by each of these heads, from one call; None where the engine has none of them or was cancelled."""
    heads = heads_for(engine)
    if heads is None or not all(name in heads.heads for name in names):
        return None
    scores = engine.scores(messages, heads.tokens, cancel)
    return None if scores is None else tuple(heads.log_odds(name, scores) for name in names)


def beginnings(engine: Engine, kind: Kind | None = None) -> tuple[tuple[str, tuple[Message, ...]], ...]:
    """The fixed beginnings of the checks that a question of this kind is put to, each with the name of its state.

    Args:
        kind: None for those of every kind.
    """
    of_answers, of_yes_no = {"stated", "answers"}, {"polarity"}
    if heads_for(engine) is None:
        wanted = of_answers
    elif kind is None:
        wanted = of_answers | of_yes_no
    else:
        wanted = of_yes_no if kind == "yes_no" else of_answers
    return tuple(one for one in prompt.check_prefixes() if one[0] in wanted)
