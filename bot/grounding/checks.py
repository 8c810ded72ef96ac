"""What is measured about a draft before the program decides: model checks of one token, and words compared."""

import re
import threading
from dataclasses import asdict, dataclass

from bot import prompt
from bot.grounding import heads
from bot.grounding.evidence import Evidence
from bot.grounding.words import CALENDAR_WORDS, Weights, content_words, name_words, names, numbers
from bot.models.base import Engine
from bot.prompts import load
from bot.questions import Kind, language_of
from bot.reading import Reading, Sentence
from store.dates import DAY_NAMES

_DATE_LIKE = re.compile(
    r"\b(?:\d{4}|january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|today|yesterday|century|decade|morning|evening|noon|midnight)\b|\d{1,2}[:.]\d{2}|\d{1,2}(?:st|nd|rd|th)\b",
    re.IGNORECASE,
)


_OF_A_DAY = re.compile(r"\b(?:what|which|exact|precise|calendar) (?:\w+ )?(?:date|day)\b", re.IGNORECASE)
_DAY_LIKE = re.compile(
    r"(?<![\w-])\d{1,2}(?:st|nd|rd|th)?(?![\w-]|[.,:]\d)|\d{4}-\d\d-\d\d"
    rf"|\b(?:{DAY_NAMES.replace(' ', '|')}|today|yesterday)\b",
    re.IGNORECASE,
)
"""Asked for the day, a month is no answer."""
_BY_NAME = re.compile(r"\bby name\b|\bthe names? of\b|\bnames? (?:is|are|was|were)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Checks:
    """Measurements of one draft against one reading; None where it could not be measured.

    Attributes:
        article_tells: Log-odds, by an adapter trained for it, that the article answers the question.
        stated: Log-odds that the evidence states the draft as the answer.
        answers: Log-odds that a sentence of the article gives what the question asks for, whatever the draft says: of
            those that match the question best, and of the draft's evidence, the highest.
        evidence_answers: The same of the draft's evidence.
        logprob: Mean log-probability of the draft's tokens.
        question_coverage: Share of the question's weighted words in the evidence, 0 to 1.
        article_coverage: The same, in the whole reading.
        anchor_coverage: Share of the question's words in the one sentence that holds the draft's answer.
        held: Share of the question's names of which the evidence speaks; None where it names nothing.
        answer_coverage: Share of the words the draft adds that the evidence holds, 0 to 1.
        unknown: Names and numbers of the question that the reading does not hold.
        missing: Names and numbers of the draft that the evidence does not hold.
        fits: 1 when the draft has what the question asks for (a name, a date, a number), -1 when not, 0 when
            nothing definite is asked.
        adds: 1 when the draft says more than the question did, 0 when it only repeats it; None for yes or no.
        similarity: Cosine similarity of question and best passage.
        polarity: For yes or no: log-odds of "Yes." being stated less those of "No.".
        says_yes: For yes or no: log-odds, by the same adapter, of answering with Yes against No.
    """

    article_tells: float | None = None
    stated: float | None = None
    answers: float | None = None
    evidence_answers: float | None = None
    logprob: float | None = None
    question_coverage: float | None = None
    article_coverage: float | None = None
    anchor_coverage: float | None = None
    held: float | None = None
    answer_coverage: float | None = None
    unknown: float = 0.0
    missing: float = 0.0
    fits: float = 0.0
    adds: float | None = None
    similarity: float | None = None
    polarity: float | None = None
    says_yes: float | None = None

    def as_mapping(self) -> dict[str, float | None]:
        return asdict(self)


def is_adapted(engine: Engine, question: str) -> bool:
    """Whether the engine has an adapter that was trained behind the prompts as they are, in the question's language."""
    if engine.adapter is None or language_of(question) not in (None, *engine.adapter.languages):
        return False
    trained = engine.adapter.prompts
    return bool(trained) and all(load(name).version == version for name, version in trained.items())


def ask_stated(
    engine: Engine,
    reading: Reading,
    evidence: Evidence,
    question: str,
    draft: str,
    cancel: threading.Event | None,
) -> float | None:
    """Log-odds that the evidence states the draft as the answer; its examples stay in the engine.

    The headline stands before it: "Only 14 of them" is about something.
    """
    if engine.one_state:
        asked = prompt.stated_inside(reading, evidence.text, question, draft)
    elif draft in ("Yes.", "No."):
        asked = prompt.stated(evidence.text, question, draft)
    else:
        asked = prompt.stated(f"{reading.article.title}. {evidence.text}", question, draft)
    return engine.log_odds(asked, cancel=cancel)


def ask_polarity(
    engine: Engine, excerpt: str, question: str, cancel: threading.Event | None
) -> tuple[float, float] | None:
    """Log-odds that an excerpt says yes, and that it says no, to a yes-or-no question; None where no head is fitted to it."""
    told = heads.ask(engine, ("yes", "no"), prompt.polarity(excerpt, question), cancel)
    return None if told is None else (told[0], told[1])


def ask_answers(
    engine: Engine, reading: Reading, words: str, question: str, cancel: threading.Event | None
) -> float | None:
    """Log-odds that these words of the reading give what the question asks for; its examples stay in the engine.

    Above a sentence about something else the headline misleads: the model takes that for another matter.
    """
    if engine.one_state:
        return engine.log_odds(prompt.answers_inside(reading, words, question), cancel=cancel)
    asked = prompt.answers(headline_for(reading.article.title, words, question), words, question)
    told = heads.ask(engine, ("answers",), asked, cancel)
    return told[0] if told is not None else engine.log_odds(asked, cancel=cancel)


def headline_for(title: str, words: str, question: str) -> str:
    """The headline to show above some words of its article: "" where it tells nothing of the question that they lack."""
    lacking = set(content_words(question)) - set(content_words(words))
    return title if lacking & set(content_words(title)) else ""


def unknown_names(question: str, reading: Reading) -> tuple[str, ...]:
    """Names and numbers the question speaks of and the reading, with its headline and outlet, never mentions."""
    held = frozenset(content_words(reading.text))
    lacking = [n.text for n in names(question) if not n.words <= held]
    # "one" and "first" are seldom amounts in a question: only what is written in digits counts.
    lacking += sorted(
        {n for n in numbers(question) if n in question.replace(",", "")} - numbers(reading.text)
    )
    return tuple(dict.fromkeys(lacking))


def strangers(question: str, reading: Reading) -> tuple[str, ...]:
    """Names of the question that no form of stands in the reading; days and months are nobody's."""
    if not same_language(question, reading):
        return ()
    held = frozenset(content_words(reading.text))
    return tuple(
        n.text for n in names(question) if any(not _is_told(word, held) for word in n.words - CALENDAR_WORDS)
    )


def brings_in_names(draft: str, reading: Reading) -> bool:
    """Whether a draft speaks of a name that the reading never mentions: taken from the question, or made up."""
    held = frozenset(content_words(reading.text))
    return same_language(draft, reading) and any(not n.words <= held for n in names(draft))


_POINTS_BACK = re.compile(
    r"^\W*(?:he|she|it|they|his|her|its|their|this|that|these|those|the)\b", re.IGNORECASE
)


def holds_names(question: str, sentence: Sentence, reading: Reading) -> bool:
    """Whether a sentence speaks of all that a question names: each name by half of its words, each number.

    What it does not name itself may stand in the sentence before it or, where it points back ("He", "The museum"), in
    the headline.
    """
    if not same_language(question, reading):
        return True
    told = _with_before(sentence, reading)
    figures = {n for n in numbers(question) if n in question.replace(",", "")}
    return figures <= numbers(told) and _share_held(question, told) in (None, 1.0)


def speaks_of(question: str, sentence: Sentence, reading: Reading) -> bool:
    """Whether a sentence, as in `holds_names`, speaks of any of those that a question names: one that contradicts it need
    not speak of all."""
    return (
        not same_language(question, reading) or _share_held(question, _with_before(sentence, reading)) != 0.0
    )


def _with_before(sentence: Sentence, reading: Reading) -> str:
    at = next((i for i, s in enumerate(reading.sentences) if s.start == sentence.start), 0)
    told = f"{reading.sentences[at - 1].read_as if at else ''} {sentence.read_as}"
    return f"{told} {reading.article.title}" if _POINTS_BACK.match(sentence.text) else told


def tells_of_it(question: str, sentence: Sentence, reading: Reading) -> bool:
    """Whether a sentence has any word of what a question asks about those it names: "sign" of "Did Oman sign?" """
    if not same_language(question, reading):
        return True
    asked = set(content_words(question)) - name_words(question)
    return not asked or bool(asked & set(content_words(sentence.read_as)))


def _share_held(question: str, told: str) -> float | None:
    """Share of a question's names of which a text has at least half of the words; None where it names nothing."""
    held = frozenset(content_words(told))
    asked = names(question)
    spoken_of = [n for n in asked if 2 * sum(_is_told(word, held) for word in n.words) >= len(n.words)]
    return len(spoken_of) / len(asked) if asked else None


_SAME_FROM = 4
"""Letters that two forms of a name share: Russia and Russian, Qatar and Qatari."""


def _is_told(word: str, held: frozenset[str]) -> bool:
    return word in held or (
        len(word) >= _SAME_FROM
        and any(len(h) >= _SAME_FROM and (h.startswith(word) or word.startswith(h)) for h in held)
    )


_SAYS_NOTHING = re.compile(
    r"\b(?:not|n't|n’t|no)\b(?: \w+){0,2} (?:mention|stat|specif|provid|disclos|reveal|information|detail|indicat)\w*",
    re.IGNORECASE,
)
_OF_THE_TEXT = re.compile(r"\b(?:articles?|text|passage|information|reports?)\b", re.IGNORECASE)


def says_nothing(draft: str) -> bool:
    """Whether a draft only says that the article does not tell: no answer, however well that is borne out."""
    return bool(_SAYS_NOTHING.search(draft) and _OF_THE_TEXT.search(draft))


_SILENT = re.compile(
    r"\b(?:article|text|passage|report)s? (?:does|do|did|has|have)(?:n['’]t| not)"
    r" (?:say|said|mention|state|specify|indicate|describe|report|tell|name)",
    re.IGNORECASE,
)


def leaves_open(draft: str) -> bool:
    """Whether a yes or no is only told for want of words about it: "No, the article does not say so"."""
    return _SILENT.search(draft) is not None


def named(question: str) -> bool:
    """Whether a name is expressly asked for: "which groups, by name?" """
    return _BY_NAME.search(question) is not None


def fits(kind: Kind, question: str, draft: str) -> float:
    """Whether the draft brings the kind of thing that was asked for; see `Checks.fits`."""
    new = set(content_words(draft)) - set(content_words(question))
    if kind == "when":
        wanted = _DAY_LIKE if _OF_A_DAY.search(question) else _DATE_LIKE
        return 1.0 if wanted.search(draft) else -1.0
    if kind == "number":
        return 1.0 if numbers(draft) - numbers(question) else -1.0
    if kind in ("who", "attribution", "where", "list") or named(question):
        return 1.0 if any(n.words & new for n in names("Answer: x " + draft)) else -1.0
    return 0.0


def compare_words(
    kind: Kind, question: str, draft: str, reading: Reading, evidence: Evidence, weights: Weights
) -> Checks:
    """All measurements that need no model."""
    new = frozenset(content_words(draft)) - frozenset(content_words(question))
    adds = None if kind == "yes_no" else float(bool(new))
    if not same_language(question, reading):
        # Words of two languages do not meet: what they would show is unknown, not absent.
        return Checks(
            answer_coverage=evidence.answer_coverage if same_language(draft, reading) else None, adds=adds
        )
    whole = frozenset(content_words(reading.text))
    return Checks(
        question_coverage=evidence.question_coverage,
        article_coverage=weights.coverage(content_words(question), whole),
        anchor_coverage=evidence.anchor_coverage,
        held=_share_held(question, evidence.text),
        answer_coverage=evidence.answer_coverage,
        unknown=float(min(3, len(unknown_names(question, reading)))),
        missing=float(min(3, len(evidence.missing))),
        fits=fits(kind, question, draft),
        adds=adds,
    )


def same_language(question: str, reading: Reading) -> bool:
    """Whether a question is in the article's language, as far as can be told; an open guess counts as yes."""
    asked_in, theirs = language_of(question), reading.article.language
    return asked_in is None or theirs is None or asked_in == theirs
