"""Questions that need no model: about an article's own date, author, outlet, headline or caption, and no questions at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.grounding.statements import cite, renumbered
from bot.questions import Kind
from bot.reading import Sentence, sentences_of
from bot.types import Citation, Reason, Statement
from store.types import Article, ArticleSummary, SectionKind

CAPABILITY = (
    "I answer questions about the articles in your library. Every sentence of an answer points at the exact words of an "
    "article; when the articles do not tell, I say so."
)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer made without the model; `reason` is set for an abstention."""

    text: str
    statements: tuple[Statement, ...] = ()
    reason: Reason | None = None


def about_article(kinds: Sequence[Kind], article: Article) -> Said:
    """Answers each of "published", "author", "outlet", "headline" and "caption" that is asked for, from the record."""
    said = [_one(kind, article) for kind in kinds]
    known = [one for one in said if one.reason is None]
    told = renumbered([statement for one in known for statement in one.statements])
    return Said(" ".join(one.text for one in said), told, None if known else said[0].reason)


def _one(kind: Kind, article: Article) -> Said:
    if kind == "published":
        return _published(article)
    if kind == "headline":
        return _stated(article, f"The headline is “{_flat(article.title)}”.", "title")
    if kind == "caption":
        caption = next((s for s in sentences_of(article) if s.role == "caption"), None)
        if caption is None:
            return Said(f"The article “{_flat(article.title)}” has no photo caption.", reason="not_stated")
        return Said(caption.text, renumbered([_quote(article, caption)]))
    if kind == "author":
        if not article.authors:
            return Said(f"The article “{_flat(article.title)}” names no author.", reason="not_stated")
        return _from_record(article, f"It was written by {', '.join(article.authors)}.", "author")
    if not article.source:
        return Said(f"The article “{_flat(article.title)}” does not name its outlet.", reason="not_stated")
    return _from_record(article, f"It was published by {article.source}.", "outlet")


def no_question(kind: Kind, listed: Sequence[ArticleSummary], article: Article | None) -> Said:
    """Answers a greeting, "what can you do?", "list the articles" and "summarise the article"."""
    if kind == "articles":
        return Said(_list(listed))
    if kind == "summary" and article is not None:
        return summary(article)
    if kind == "unclear":
        return Said(
            "That is not a question I can look up. Ask about what the articles say.",
            reason="unclear_question",
        )
    return Said(f"{CAPABILITY} There {'is' if len(listed) == 1 else 'are'} {_count(len(listed))} in it now.")


def summary(article: Article) -> Said:
    """The article's own summary where it has one, with its first sentences; in its own words, cited."""
    body = [s for s in sentences_of(article) if s.role == "body" and len(s.text) > 30]
    lead = [s for s in sentences_of(article) if s.role == "lead"]
    made = [_quote(article, s) for s in (lead + body)[:4]]
    return Said(" ".join(s.text for s in made), renumbered(made))


def _published(article: Article) -> Said:
    if article.published is None:
        return Said(
            f"The article “{_flat(article.title)}” gives no date of publication.", reason="not_stated"
        )
    day = article.published.date
    text = f"The article was published on {day.day} {day:%B %Y}."
    if article.published.origin == "dateline":
        return _stated(article, text, "date")
    return _from_record(article, text, f"date ({article.published.origin}: {article.published.raw})")


def _stated(article: Article, text: str, role: SectionKind) -> Said:
    sentence = next((s for s in sentences_of(article) if s.role == role), None)
    if sentence is None:
        return _from_record(article, text, role)
    citation = cite(article, sentence, text)
    return Said(text, renumbered([Statement(text, (citation,), "supported", 1.0)]))


def _from_record(article: Article, text: str, what: str) -> Said:
    """Said from what came with the article, not from its words: the citation shows its beginning and says so."""
    first = sentences_of(article)[0]
    citation = Citation(
        1, article.id, article.title, article.source,
        article.published.date.isoformat() if article.published else None, article.url,
        first.text, first.start, first.end, "computed", f"the {what} recorded with this article",
    )  # fmt: skip
    return Said(text, (Statement(text, (citation,), "supported", 1.0),))


def _quote(article: Article, sentence: Sentence) -> Statement:
    return Statement(sentence.text, (cite(article, sentence, sentence.text),), "supported", 1.0)


def _list(listed: Sequence[ArticleSummary]) -> str:
    lines = [f"Your library holds {_count(len(listed))}:"]
    for a in listed[:50]:
        about = ", ".join(x for x in (a.source, a.published.date.isoformat() if a.published else None) if x)
        lines.append(f"- {_flat(a.title)}" + (f" ({about})" if about else ""))
    if len(listed) > 50:
        lines.append(f"- and {len(listed) - 50} more: citewire articles list")
    return "\n".join(lines)


def _count(n: int) -> str:
    return "one article" if n == 1 else f"{n} articles"


def _flat(text: str) -> str:
    return " ".join(text.split())
