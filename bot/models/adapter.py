"""Trained adapters: a small addition to a model's weights, bound to the very weights and prompts it was trained with.

They act on nothing but the few tokens that call them, which stand behind a prompt in place of an answer, and the answer
(activated LoRA: Greenewald et al. 2025, arXiv:2504.12397). So the article's state, made without them, serves them too.
Adapters are data in `bot/models/adapters`, made by `citewire eval adapter`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from store.errors import ConfigError

FOLDER = Path(str(files("bot.models"))) / "adapters"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that tells whether an article answers a question, and what.

    Attributes:
        path: A GGUF file with `adapter.alora.invocation_tokens`.
        digest: SHA-256 of the weights it was trained with.
        call: Stands behind the question, in the model's control tokens; ends with the tokens that call the adapter.
        before_reply: What the adapter writes before an answer; the odds of its first token say whether there is one.
        prompts: Versions of the prompts that it was trained behind, by name.
        trained_on: The sets of cases, with their counts.
        languages: Of the questions it was trained on; it is asked no others.
    """

    path: Path
    digest: str
    call: str
    before_reply: str
    prompts: Mapping[str, str]
    trained_on: str
    languages: tuple[str, ...]


@cache
def adapter_for(digest: str) -> Adapter | None:
    """The one trained with these weights; None where there is none.

    Raises: ConfigError: Its description cannot be read, or its file is gone.
    """
    for described in sorted(FOLDER.glob("*.json")):
        try:
            raw = json.loads(described.read_text("utf-8"))
            found = Adapter(
                described.with_suffix(".gguf"),
                str(raw["digest"]),
                str(raw["call"]),
                str(raw["before_reply"]),
                {str(name): str(version) for name, version in raw["prompts"].items()},
                str(raw["trained_on"]),
                tuple(map(str, raw["languages"])),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{described.name}: not an adapter's description ({error}); reinstall citewire"
            ) from error
        if found.digest == digest:
            if not found.path.is_file():
                raise ConfigError(
                    f"The adapter {found.path.name} is gone from bot/models/adapters; reinstall citewire"
                )
            return found
    return None
