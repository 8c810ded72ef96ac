"""Several articles' answers to one question: agreed, updated, corrected, or in conflict."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bot.grounding.attempt import Attempt, answering
from bot.grounding.polarity import without_word, word_of
from bot.grounding.statements import cite, ground, in_its_words, judged, renumbered
from bot.grounding.words import CALENDAR_WORDS, content_words, name_words, numbers, stands_in
from bot.questions import kind_of
from bot.types import Conflict, Statement
from store.types import Article

_CORRECTS = re.compile(
    r"\b(?:correction|corrected|corrects|earlier version|revised|clarif\w+|retract\w*|withdr[ae]w\w*|updated?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Composed:
    """Statements in the order they are shown, citations numbered, and what the articles disagree on."""

    statements: tuple[Statement, ...]
    conflicts: tuple[Conflict, ...] = ()


def compose(accepted: Sequence[Attempt], question: str) -> Composed:
    """One answer out of the accepted attempts, best first.

    Attempts that say the same are cited together. When they differ, the latest article comes first and is named
    as such; articles of one day stand side by side as a disagreement.
    """
    groups = _agreeing(accepted, question)
    if len(groups) == 1:
        return Composed(renumbered(_grounded(groups[0], question)))
    groups.sort(key=lambda g: (_newest(g), max(a.probability for a in g)), reverse=True)
    claims = [_claim(group, question, at, groups) for at, group in enumerate(groups)]
    statements = renumbered(claims)
    return Composed(statements, (Conflict(question, statements),))


def _grounded(group: Sequence[Attempt], question: str) -> tuple[Statement, ...]:
    best = group[0]
    statements: tuple[Statement, ...]
    if best.extracted:
        statements = (
            in_its_words(best.reading.article, best.evidence.sentences[0], best.probability, best.sure),
        )
    elif best.pinned:
        statements = (judged(best.draft, best.reading.article, best.evidence, best.probability, best.sure),)
    else:
        statements = ground(
            best.draft,
            question,
            best.reading,
            best.weights,
            best.probability,
            best.sure,
            telling=answering(best.telling),
        )
        statements = (*statements, *_beside(statements, best, question))
    statements = (*statements, *_what_is_right(statements, best))
    others = [
        a for a in group[1:] if a.evidence.sentences and a.reading.article.id != best.reading.article.id
    ]
    if not statements or not others or statements[0].support == "unsupported":
        return statements
    extra = [cite(a.reading.article, a.evidence.sentences[0], a.draft) for a in others[:2]]
    return (replace(statements[0], citations=(*statements[0].citations, *extra)), *statements[1:])


def _beside(statements: Sequence[Statement], best: Attempt, question: str) -> tuple[Statement, ...]:
    """Where the program is not sure of the model's words, the article's own beside them.

    A sentence that is cited already is not told again, unless a word of the model's is in doubt or the words
    themselves were asked for.
    """
    labels = {s.support for s in statements}
    if "partly" not in labels or "supported" in labels or not best.evidence.sentences:
        return ()
    made = _in_its_words(best)
    told = all((c.start, c.end) in _cited(statements) for c in made.citations)
    doubted = any(s.doubts for s in statements)
    if all(any(stands_in(c.quote, s.text) for s in statements) for c in made.citations):
        return ()  # the draft is the article's own words
    return () if told and not doubted and kind_of(question) != "quote" else (made,)


def _cited(statements: Sequence[Statement]) -> frozenset[tuple[int, int]]:
    """Where the words stand that these statements cite, of one article."""
    return frozenset((c.start, c.end) for s in statements for c in s.citations)


_CORRECTION = re.compile(r"\W*(?:correction|clarification)\b", re.IGNORECASE)
_REST_OF_CORRECTION = 2
"""Sentences shown behind the first one of a correction."""


def _what_is_right(statements: Sequence[Statement], best: Attempt) -> tuple[Statement, ...]:
    """The article's words behind the first ones of a correction: those tell what was wrong, these what is right."""
    article, sentences = best.reading.article, best.reading.sentences
    cited = _cited(statements)
    opening = next(
        (at for at, s in enumerate(sentences) if (s.start, s.end) in cited and _CORRECTION.match(s.text)),
        None,
    )
    if opening is None:
        return ()
    made: list[Statement] = []
    for before, one in pairwise(sentences[opening : opening + _REST_OF_CORRECTION + 1]):
        if "\n" in article.text[before.end : one.start]:
            break  # the next paragraph
        if (one.start, one.end) not in cited:
            made.append(in_its_words(article, one, best.probability, best.sure))
    return tuple(made)


_CLEARLY = 1.0
"""Log-odds by which a sentence must answer better than the draft's evidence to be shown in its place."""


def _in_its_words(best: Attempt) -> Statement:
    """The sentence that the draft was made from, or one that answers clearly better."""
    said = set(content_words(best.draft))
    shown = max(best.evidence.sentences, key=lambda s: len(said & set(content_words(s.read_as))))
    plain = answering(best.telling)
    ours = best.checks.evidence_answers
    cited = plain in best.evidence.sentences
    if plain is not None and (cited or ours is None or best.telling[0].answers > ours + _CLEARLY):
        shown = plain
    return in_its_words(best.reading.article, shown, best.probability, best.sure)


def _claim(group: list[Attempt], question: str, at: int, groups: list[list[Attempt]]) -> Statement:
    """The group's answer in one statement that says which outlet said it and when."""
    made = _grounded(group, question)
    first = made[0]
    text = " ".join(s.text for s in made)
    article = group[0].reading.article
    outlet = article.source or f"“{article.title}”"
    day = f" on {_day(group)}" if article.published else ""
    # The first may bring any other up to date, each other only the first: what an older report of something else says is not
    # what held before.
    beside = groups[1:] if at == 0 else groups[:1]
    updates = any(_one_story(article, other[0].reading.article, question) for other in beside)
    dates = {_newest(g) for g in groups}
    if not updates and at > 0:
        lead = f"In another story, {outlet}{day}: "
    elif len(dates) == 1 or not article.published or not updates:
        lead = f"{outlet} reported{day}: "
    elif at == 0:
        corrected = any(_CORRECTS.search(s.text) for a in group for s in a.evidence.sentences)
        lead = f"{'Corrected' if corrected else 'Latest'}, {outlet}{day}: "
    else:
        lead = f"Earlier, {outlet}{day}: "
    if at == 0 and updates and len(dates) > 1 and (verdict := word_of(text)):
        lead = f"{verdict.capitalize()}. {lead}"  # what holds now comes first, then who said it when
        text = without_word(text)
    # The article's own sentence beside a draft may be the one that the draft cites.
    citations = tuple(
        {(c.article_id, c.start, c.end): c for s in reversed(made) for c in reversed(s.citations)}.values()
    )[::-1]
    return replace(first, text=lead + text, citations=citations)


def _one_story(a: Article, b: Article, question: str) -> bool:
    """Whether two articles tell of the same matter: they share a name, or a word of their headlines, beside the names
    that the question brings. Of two persons of one name they do not."""
    given = CALENDAR_WORDS | name_words(question)
    headed = set(content_words(a.title)) & set(content_words(b.title))
    if headed - given:
        return True
    return bool((name_words(f"{a.title}. {a.text}") & name_words(f"{b.title}. {b.text}")) - given)


def _agreeing(accepted: Sequence[Attempt], question: str) -> list[list[Attempt]]:
    groups: list[list[Attempt]] = []
    for one in accepted:
        home = next((g for g in groups if _same_answer(g[0], one, question)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups


def _same_answer(a: Attempt, b: Attempt, question: str) -> bool:
    """Same numbers, same polarity, and most of the words that each adds to the question."""
    asked = set(content_words(question))
    numbers_a, numbers_b = numbers(a.draft) - numbers(question), numbers(b.draft) - numbers(question)
    said = _polarity(a.draft)
    if said != _polarity(b.draft):
        return False
    if said and kind_of(question) == "yes_no":
        return True
    if numbers_a and numbers_b:
        return numbers_a <= numbers_b or numbers_b <= numbers_a
    new_a, new_b = set(content_words(a.draft)) - asked, set(content_words(b.draft)) - asked
    if not new_a or not new_b:
        return True
    return len(new_a & new_b) / min(len(new_a), len(new_b)) >= 0.5


def _polarity(draft: str) -> str:
    match = re.match(r"\W*(yes|no)\b", draft, re.IGNORECASE)
    return match.group(1).lower() if match else ""


def _newest(group: Sequence[Attempt]) -> str:
    return max(
        (a.reading.article.published.date.isoformat() for a in group if a.reading.article.published),
        default="",
    )


def _day(group: Sequence[Attempt]) -> str:
    published = group[0].reading.article.published
    return f"{published.date.day} {published.date:%B %Y}" if published else ""
