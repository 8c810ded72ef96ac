"""An answer as a small tree of text, citation chips and lists, and that tree for terminal, Markdown and HTML.

Answers are data, not markup: `parse` knows paragraphs, lists and emphasis, and everything else is text. There
is no node for an image, a link or raw HTML, so nothing a model writes can become one.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.types import Answer, Citation, FoundPassage, Reason, Statement, Support

if TYPE_CHECKING:
    from rich.text import Text

Emphasis = Literal["", "em", "strong"]

SYMBOLS: dict[Support, tuple[str, str]] = {
    "supported": ("✓", "supported"),
    "partly": ("◐", "partly supported"),
    "unsupported": ("✗", "not supported"),
}
"""Never colour alone: a symbol and a word."""

NEXT_STEPS: dict[Reason, str] = {
    "empty_library": "Add articles with: citewire ingest PATH",
    "nothing_found": "Ask with words the articles may use, or add articles with: citewire ingest PATH",
    "not_stated": "Look for it yourself with: citewire search WORDS, or add an article that tells.",
    "not_supported": "Read the passages below; they come nearest. Ask about one thing at a time.",
    "unclear_question": "Ask a question about what the articles say, such as who, when, where or how many.",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text."""

    text: str
    emphasis: Emphasis = ""


@dataclass(frozen=True, slots=True)
class Chip:
    """The mark of a citation, made by the program."""

    n: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well the sentence before it is supported; `doubts` say what its evidence lacks."""

    support: Support
    doubts: tuple[str, ...] = ()


Inline = Run | Chip | Verdict


@dataclass(frozen=True, slots=True)
class Paragraph:
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple[tuple[Inline, ...], ...]


@dataclass(frozen=True, slots=True)
class Quotes:
    """The numbered quotes under an answer."""

    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Passages:
    """What was looked at without an answer in it, best first."""

    hits: tuple[FoundPassage, ...]


Block = Paragraph | Listing | Quotes | Passages

_ITEM = re.compile(r"^\s{0,3}(?:[-*•]|\d{1,3}[.)])\s+")
_EMPHASIS = re.compile(
    r"\*\*(?=\S)([^*\n]{1,400}?)(?<=\S)\*\*|(?<![\w*])\*(?=\S)([^*\n]{1,400}?)(?<=\S)\*(?![\w*])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_BIDI_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_RTL = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~])")
_WEB = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_SHOWN_HITS = 3
_SHOWN_CHARS = 300


def to_nodes(answer: Answer) -> tuple[Block, ...]:
    """The answer, its quotes and, for an abstention, what was looked at and what to do next."""
    blocks: list[Block] = []
    if answer.conflicts:
        blocks.append(Paragraph((Run("The articles disagree:", "strong"),)))
    blocks += _body(answer)
    citations = cited(answer)
    if citations:
        blocks.append(Quotes(citations))
    for line in _notices(answer):
        blocks.append(Paragraph((Run(line, "em"),)))
    if answer.abstained and answer.reason is not None:
        if answer.hits:
            blocks.append(Paragraph((Run(_looked_at(answer), "em"),)))
            blocks.append(Passages(answer.hits[:_SHOWN_HITS]))
        blocks.append(Paragraph((Run(NEXT_STEPS[answer.reason]),)))
    return tuple(blocks)


def cited(answer: Answer) -> tuple[Citation, ...]:
    """Every citation of the answer once, in the order of its number."""
    found = [*answer.statements, *(claim for c in answer.conflicts for claim in c.claims)]
    by_number: dict[int, Citation] = {}
    for statement in found:
        for citation in statement.citations:
            by_number.setdefault(citation.n, citation)
    return tuple(by_number[n] for n in sorted(by_number))


def parse(text: str) -> tuple[Block, ...]:
    """Paragraphs, one level of list, emphasis; the text of everything else, as it stands."""
    blocks: list[Block] = []
    items: list[tuple[Inline, ...]] = []
    lines: list[str] = []

    def close() -> None:
        if lines:
            blocks.append(Paragraph(_inline(" ".join(lines))))
            lines.clear()
        if items:
            blocks.append(Listing(tuple(items)))
            items.clear()

    for line in shown(text).split("\n"):
        mark = _ITEM.match(line)
        if not line.strip() or (mark is None) == bool(items) or (mark and lines):
            close()
        if mark:
            items.append(_inline(line[mark.end() :].strip()))
        elif line.strip():
            lines.append(line.strip())
    close()
    return tuple(blocks)


def shown(text: str) -> str:
    """Text that cannot move a cursor or turn its neighbours around: no control and no direction characters."""
    return _BIDI_CONTROL.sub("", _CONTROL.sub("", text))


def isolated(text: str) -> str:
    """One line of foreign text beside ours; right-to-left words stay among themselves."""
    line = " ".join(shown(text).split())
    return f"\u2068{line}\u2069" if _RTL.search(line) else line


def origin(citation: Citation | FoundPassage) -> str:
    """Outlet, date and title, as far as they are known."""
    parts = (citation.source, citation.published, citation.title)
    return ", ".join(isolated(part) for part in parts if part)


# --- terminal


def to_terminal(answer: Answer) -> "Text":
    """Rich text; print it with a console that knows whether it is a terminal."""
    from rich.text import Text

    out = Text()
    for block in to_nodes(answer):
        if len(out):
            out.append("\n\n")
        _terminal_block(out, block)
    return out


def passages_to_terminal(hits: Sequence[FoundPassage]) -> "Text":
    """Evidence as `chat` shows it before the answer."""
    from rich.text import Text

    out = Text()
    _terminal_block(out, Passages(tuple(hits)))
    return out


def quotes_to_terminal(quotes: Quotes) -> "Text":
    from rich.text import Text

    out = Text()
    _terminal_block(out, quotes)
    return out


def understood_as(asked: str, read: str) -> str | None:
    """A line for a question that was read otherwise than it was put; None where only case or marks differ."""
    if re.findall(r"\w+", asked.casefold()) == re.findall(r"\w+", read.casefold()):
        return None
    return f"Understood as: {isolated(read)}"


def why(answer: Answer) -> "Text":
    """What the decision was made from, for a reader who asks."""
    from rich.text import Text

    lines = [f"model: {answer.model} {answer.model_digest[:12]}".rstrip()]
    if answer.standalone_question != answer.question:
        lines.append(f"understood as: {isolated(answer.standalone_question)}")
    lines += [f"{name}: {'not measured' if x is None else f'{x:.3f}'}" for name, x in answer.checks.items()]
    lines += [f"time, {name}: {seconds:.2f} s" for name, seconds in answer.timings_s.items()]
    lines += [f"passage {hit.score:.4f}: {origin(hit)}" for hit in answer.hits]
    return Text("\n".join(lines))


def _terminal_block(out: "Text", block: Block) -> None:
    if isinstance(block, Paragraph):
        _terminal_inline(out, block.children)
    elif isinstance(block, Listing):
        for at, item in enumerate(block.items):
            out.append("\n- " if at else "- ")
            _terminal_inline(out, item)
    elif isinstance(block, Quotes):
        for at, one in enumerate(block.citations):
            out.append("\n" if at else "").append(f"[{one.n}] ", "bold cyan")
            out.append(f"“{isolated(one.quote)}”")
            out.append(f"\n    {origin(one)}{_kind_note(one)}", "dim")
    else:
        for at, hit in enumerate(block.hits, start=1):
            out.append("\n" if at > 1 else "").append(f"  • {_short(hit.text)}")
            out.append(f"\n    {origin(hit)}", "dim")


def _terminal_inline(out: "Text", children: Sequence[Inline]) -> None:
    for child in children:
        if isinstance(child, Run):
            out.append(child.text, {"": "", "em": "italic", "strong": "bold"}[child.emphasis])
        elif isinstance(child, Chip):
            out.append(f" [{child.n}]", "bold cyan")
        else:
            symbol, word = SYMBOLS[child.support]
            colour = {"supported": "green", "partly": "yellow", "unsupported": "red"}[child.support]
            out.append(f" ({symbol} {word}{_doubts(child)})", colour)


# --- Markdown


def to_markdown(answer: Answer) -> str:
    """The answer with numbered quotes below, everything foreign escaped."""
    title = f"**{_escaped(isolated(answer.question))}**"
    return "\n\n".join([title, *(_markdown_block(block) for block in to_nodes(answer))]) + "\n"


def _markdown_block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _markdown_inline(block.children)
    if isinstance(block, Listing):
        return "\n".join(f"- {_markdown_inline(item)}" for item in block.items)
    if isinstance(block, Quotes):
        return "\n".join(
            f"{one.n}. “{_escaped(isolated(one.quote))}” — {_escaped(origin(one) + _kind_note(one))}{_link(one)}"
            for one in block.citations
        )
    return "\n".join(f"- “{_escaped(_short(hit.text))}” — {_escaped(origin(hit))}" for hit in block.hits)


def _markdown_inline(children: Sequence[Inline]) -> str:
    out = ""
    for child in children:
        if isinstance(child, Run):
            mark = {"": "", "em": "*", "strong": "**"}[child.emphasis]
            out += f"{mark}{_escaped(child.text)}{mark}"
        elif isinstance(child, Chip):
            out += f" \\[{child.n}\\]"
        elif child.support != "supported":
            symbol, word = SYMBOLS[child.support]
            out += f" ({symbol} {word}{_escaped(_doubts(child))})"
    return out


def _escaped(text: str) -> str:
    text = re.sub(r"^(\s*\d+)([.)])", r"\1\\\2", _MARKDOWN.sub(r"\\\1", text))
    text = re.sub(r"^(\s*)([-=])", r"\1\\\2", text)
    # Readers that link bare addresses do not see one in this.
    return re.sub(r"(?i)\b(https?|ftp|www)([:.])", r"\1\\\2", text).replace("&", "&amp;")


def _link(citation: Citation) -> str:
    url = _web_address(citation)
    return f" (<{url}>)" if url else ""


# --- HTML


def to_html(blocks: Sequence[Block]) -> str:
    """Escaped HTML of a fixed set of elements: p, ul, ol, li, em, strong, blockquote, cite, span, sup, a.

    The only links are the addresses recorded with cited articles.
    """
    return "".join(_html_block(block) for block in blocks)


def _html_block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f'<p dir="auto">{_html_inline(block.children)}</p>'
    if isinstance(block, Listing):
        items = "".join(f'<li dir="auto">{_html_inline(item)}</li>' for item in block.items)
        return f"<ul>{items}</ul>"
    if isinstance(block, Quotes):
        items = "".join(
            f'<li value="{one.n}"><blockquote dir="auto">{_text(one.quote)}</blockquote>'
            f'<cite dir="auto">{_text(origin(one) + _kind_note(one))}{_anchor(one)}</cite></li>'
            for one in block.citations
        )
        return f'<ol class="quotes">{items}</ol>'
    items = "".join(
        f'<li><blockquote dir="auto">{_text(_short(hit.text))}</blockquote>'
        f'<cite dir="auto">{_text(origin(hit))}</cite></li>'
        for hit in block.hits
    )
    return f'<ul class="passages">{items}</ul>'


def _html_inline(children: Sequence[Inline]) -> str:
    out = ""
    for child in children:
        if isinstance(child, Run):
            text = _text(child.text)
            out += f"<{child.emphasis}>{text}</{child.emphasis}>" if child.emphasis else text
        elif isinstance(child, Chip):
            out += f'<sup class="chip">[{child.n}]</sup>'
        else:
            symbol, word = SYMBOLS[child.support]
            said = _text(f"{symbol} {word}{_doubts(child)}")
            out += f' <span class="support {child.support}">{said}</span>'
    return out


def _text(text: str) -> str:
    return html.escape(shown(text), quote=True)


def _anchor(citation: Citation) -> str:
    url = _web_address(citation)
    return f' <a href="{html.escape(url)}" rel="noopener noreferrer nofollow">source</a>' if url else ""


# --- parts


def _body(answer: Answer) -> Iterator[Block]:
    """The answer's text with chips after each statement; a statement that is not in the text stands after it."""
    children: list[Inline] = []
    rest = answer.text
    for statement in answer.statements:
        before, found, after = rest.partition(statement.text)
        if found:
            if before.strip():
                children += [Run(_flat(before).lstrip() if not children else _flat(before))]
            elif children:
                children.append(Run(" "))
            rest = after
        elif children:
            children.append(Run(" "))
        children += _stated(statement)
    if not answer.statements:
        yield from parse(answer.text)
        return
    if rest.strip():
        children.append(Run(_flat(rest).rstrip()))
    yield Paragraph(tuple(children))


def _stated(statement: Statement) -> tuple[Inline, ...]:
    chips = tuple(Chip(citation.n) for citation in statement.citations)
    return (*_inline(_flat(statement.text)), *chips, Verdict(statement.support, statement.doubts))


def _inline(text: str) -> tuple[Inline, ...]:
    runs: list[Inline] = []
    at = 0
    for match in _EMPHASIS.finditer(text):
        if match.start() > at:
            runs.append(Run(text[at : match.start()]))
        runs.append(Run(match[1] or match[2], "strong" if match[1] else "em"))
        at = match.end()
    if at < len(text):
        runs.append(Run(text[at:]))
    return tuple(runs)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", shown(text))


def _short(text: str) -> str:
    line = isolated(text)
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS].rsplit(" ", 1)[0] + " …"


def _doubts(verdict: Verdict) -> str:
    return ": " + "; ".join(isolated(doubt) for doubt in verdict.doubts) if verdict.doubts else ""


def _kind_note(citation: Citation) -> str:
    return f" (computed: {isolated(citation.note)})" if citation.note else ""


def _web_address(citation: Citation) -> str | None:
    return citation.url if citation.url and _WEB.fullmatch(citation.url) else None


def _looked_at(answer: Answer) -> str:
    articles = len({hit.article_id for hit in answer.hits})
    passages = "1 passage" if len(answer.hits) == 1 else f"{len(answer.hits)} passages"
    return f"Looked at {passages} of {'1 article' if articles == 1 else f'{articles} articles'}; nearest:"


def _notices(answer: Answer) -> Iterator[str]:
    if answer.truncated:
        yield "The model was cut at its length limit; the answer may lack its end."
    if answer.left_out:
        yield f"Not read, for lack of room: {'; '.join(isolated(title) for title in answer.left_out)}."
    if answer.unresolved:
        yield f"Marks of the model that point nowhere were removed: {', '.join(map(isolated, answer.unresolved))}."
