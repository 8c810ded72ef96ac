"""Turns a draft into statements, each tied to exact words of the record and labelled by what those words carry."""

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bot.grounding.counting import Listing, listings
from bot.grounding.evidence import THIN, Evidence, find_evidence
from bot.grounding.words import Weights, content_words, numbers, quotes_in, stands_in
from bot.reading import Reading, Sentence
from bot.types import Citation, CitationKind, Statement, Support
from store.chunking import sentences as sentence_spans
from store.text import fold
from store.types import Article

_BRACKETED = re.compile(r"\s*\[([^\[\]]{3,40})\]")
# A year in brackets is a worked-out date copied from the reading ("last year [2019]"), not a mark.
_MARKER = re.compile(
    r"\s*(?:\[(?!(?:1[89]|20)\d\d\s*\])\^?\d[\d\s,\-–]*\]|［[０-９\d]+］|【\d+(?:†[^【】]{0,40})?】)"
)


def split_draft(draft: str) -> tuple[str, ...]:
    """Sentences of a draft, list marks taken off; empty for an empty draft."""
    flat = "\n".join(re.sub(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+", "", line) for line in draft.strip().splitlines())
    return tuple(flat[a:b] for a, b in sentence_spans(flat))


def markers_in(draft: str) -> tuple[str, ...]:
    """Citation marks the model wrote itself. The program makes citations, so each of these points nowhere."""
    return tuple(m.group().strip() for m in _MARKER.finditer(draft))


def without_markers(draft: str) -> str:
    return _MARKER.sub("", draft)


def ground(
    draft: str,
    question: str,
    reading: Reading,
    weights: Weights,
    probability: float,
    sure: bool,
    *,
    telling: Sentence | None = None,
) -> tuple[Statement, ...]:
    """One statement a sentence of the draft, numbered citations from 1; a sentence nothing carries is kept, labelled.

    Args:
        probability: That the draft as a whole is right, from the calibrated decision.
        sure: The probability is so high that a sentence without doubts is "supported".
        telling: The article's sentence that answers the question by itself, where one was found.
    """
    made: list[Statement] = []
    for text in split_draft(draft):
        evidence = find_evidence(question, text, reading.sentences, weights, telling=telling)
        made.append(statement(text, reading.article, evidence, probability, sure))
    return renumbered(made)


def statement(text: str, article: Article, evidence: Evidence, probability: float, sure: bool) -> Statement:
    """Ties one sentence to its evidence and labels it."""
    doubts = [f"“{word}” is not in the cited words" for word in evidence.missing]
    doubts += [f"“{quote}” is not an exact quote" for quote in _false_quotes(text, article)]
    coverage = 1.0 if evidence.answer_coverage is None else evidence.answer_coverage
    support: Support = "supported" if sure and not doubts else "partly"
    if coverage < THIN or not evidence.sentences:
        # A draft in other words than the article's may still be right: then the checks are sure of it.
        sure_of_it = sure and evidence.sentences and not evidence.missing
        support = "partly" if sure_of_it else "unsupported"
        doubts.append(
            "few of its words stand in the cited ones" if sure_of_it else "the cited words do not say this"
        )
    citations = tuple(cite(article, s, text) for s in evidence.sentences)
    return Statement(
        with_dates(text, evidence.sentences), citations, support, round(probability, 3), tuple(doubts)
    )


def judged(text: str, article: Article, evidence: Evidence, probability: float, sure: bool) -> Statement:
    """A statement whose evidence was chosen first: the check read just these words, so they are what is cited."""
    citations = tuple(cite(article, s, text) for s in evidence.sentences)
    support: Support = "supported" if sure else "partly"
    return Statement(with_dates(text, evidence.sentences), citations, support, round(probability, 3))


def in_its_words(article: Article, sentence: Sentence, probability: float, sure: bool) -> Statement:
    """The sentence itself as a statement: what it says is certain; whether it answers is as sure as `probability`."""
    text = f"The article says: {_in_quotes(sentence.text)}"
    if sentence.dates:
        text += f" ({'; '.join(f'{phrase}: {meaning}' for phrase, meaning in sentence.dates)})"
    return Statement(
        text,
        (cite(article, sentence, sentence.text),),
        "supported" if sure else "partly",
        round(probability, 3),
        () if sure else ("the article says this; whether it answers the question is not sure",),
    )


def _in_quotes(text: str) -> str:
    return text if text[:1] in '"“«' else f"“{text}”"


def cite(article: Article, sentence: Sentence, text: str) -> Citation:
    """A citation of this sentence for a statement; its words are cut from the record."""
    listing = _counted_in(text, sentence)
    kind: CitationKind = "computed" if listing is not None else _kind(text, sentence)
    note = None
    if listing is not None:
        note = f"counted: {'; '.join(listing.names)}"
    elif kind == "computed":
        published = article.published
        worked = "; ".join(f"“{phrase}” is {meaning}" for phrase, meaning in sentence.dates)
        note = (
            f"{worked}, read from {published.date.isoformat()}, the day of publication"
            if published
            else worked
        )
    return Citation(
        n=1,
        article_id=article.id,
        title=article.title,
        source=article.source,
        published=article.published.date.isoformat() if article.published else None,
        url=article.url,
        quote=article.text[sentence.start : sentence.end],
        start=sentence.start,
        end=sentence.end,
        kind=kind,
        note=note,
    )


def with_dates(text: str, sentences: Sequence[Sentence]) -> str:
    """Says the absolute date behind a relative one: in round brackets where the draft has it in square ones, or not at all."""
    text = _BRACKETED.sub(lambda m: f" ({m.group(1)})", text)
    for sentence in sentences:
        for phrase, meaning in sentence.dates:
            at = text.casefold().find(phrase.casefold())
            if at >= 0 and not set(content_words(meaning)) <= set(content_words(text)):
                text = f"{text[: at + len(phrase)]} ({meaning}){text[at + len(phrase) :]}"
    return text


def renumbered(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Citations numbered from 1 in order of appearance; the same words keep one number."""
    numbers: dict[tuple[str, int, int], int] = {}
    made = []
    for s in statements:
        citations = []
        for c in s.citations:
            n = numbers.setdefault((c.article_id, c.start, c.end), len(numbers) + 1)
            citations.append(replace(c, n=n))
        made.append(replace(s, citations=tuple(citations)))
    return tuple(made)


def _kind(text: str, sentence: Sentence) -> CitationKind:
    said, quote = set(content_words(text)), set(content_words(sentence.text))
    worked = {w for _, meaning in sentence.dates for w in content_words(meaning)}
    phrased = any(fold(phrase) in fold(text) for phrase, _ in sentence.dates)
    if (said & worked) - quote or phrased:
        return "computed"
    ours, theirs = fold(text).split(), fold(sentence.text).split()
    run = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match()
    return "quoted" if run.size >= max(3, len(ours) // 2) else "stated"


def _counted_in(text: str, sentence: Sentence) -> Listing | None:
    """The sentence's list whose length the text gives, where the sentence does not give it itself."""
    said = numbers(text) - numbers(sentence.read_as)
    return next((one for one in listings((sentence,)) if str(len(one.names)) in said), None)


def _false_quotes(text: str, article: Article) -> tuple[str, ...]:
    """Words in quotation marks that the article does not hold in this order."""
    return tuple(q for q in quotes_in(text) if not stands_in(q, article.text))
