"""An answer, an abstention and their parts, small enough to check by eye."""

from dataclasses import replace
from datetime import date

from bot.types import Answer, Citation, FoundPassage, Statement, Tokens

QUOTE = "The ferry carried 212 passengers."
HIT = FoundPassage("a1", "Ferry record", "Larkhaven Post", "2021-03-04", 10, 10 + len(QUOTE), QUOTE, 0.5)
CITATION = Citation(
    1, "a1", "Ferry record", "Larkhaven Post", "2021-03-04", "https://post.example/ferry",
    QUOTE, 10, 10 + len(QUOTE), "quoted",
)  # fmt: skip
ANSWER = Answer(
    id="0a1b2c3d",
    question="How many did it carry?",
    standalone_question="How many passengers did the ferry carry?",
    text="The ferry carried 212 passengers.",
    statements=(Statement("The ferry carried 212 passengers.", (CITATION,), "supported", 0.97),),
    abstained=False,
    reason=None,
    hits=(HIT,),
    model="scripted:test",
    model_digest="ab12",
    prompts={"draft": "v1"},
    index_fingerprint="f00d",
    timings_s={"retrieve": 0.1, "first_token": 0.2, "total": 0.3},
    tokens=Tokens(100, 80, 9),
    as_of=date(2021, 12, 31),
    checks={"probability": 0.97, "coverage": None},
)
ABSTENTION = replace(
    ANSWER,
    id="0a1b2c3e",
    text="The articles do not say who built the ferry.",
    statements=(),
    abstained=True,
    reason="not_stated",
)


def answer_saying(text: str, *statements: Statement) -> Answer:
    return replace(ANSWER, text=text, statements=statements)
