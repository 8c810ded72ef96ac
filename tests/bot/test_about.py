"""Answers that need no model."""

from dataclasses import replace
from datetime import date

from bot.about import Said, about_article, no_question, summary
from store.loaders.shape import read_shape
from store.types import Article, ArticleSummary, Published, Section
from tests.fakes import article

TEXT = "Ferry opens\n26 October 2017\nThe new ferry of Larkhaven left the harbour."
SECTIONS = (Section("title", 0, 11), Section("date", 12, 27), Section("body", 28, 72))
DAY = date(2017, 10, 26)


def ferry(**fields: object) -> Article:
    one = replace(article("ferry", TEXT, title="Ferry opens"), sections=SECTIONS)
    dated = Published(DAY, "dateline", 1.0, "26 October 2017")
    return replace(one, **{"published": dated, "source": "Lark Courier", "authors": ("Ada Finch",), **fields})  # type: ignore[arg-type]


def quotes(said: Said) -> list[str]:
    return [c.quote for s in said.statements for c in s.citations]


def test_the_day_of_publication_is_cited_from_the_date_line() -> None:
    said = about_article(["published"], ferry())
    assert "26 October 2017" in said.text
    assert quotes(said) == ["26 October 2017"]


def test_a_day_that_came_with_a_field_is_said_to_be_recorded() -> None:
    said = about_article(["published"], ferry(published=Published(DAY, "field", 1.0, "2017-10-26")))
    (citation,) = said.statements[0].citations
    assert citation.kind == "computed"
    assert citation.note is not None
    assert "2017-10-26" in citation.note


def test_the_headline_is_cited_from_the_text() -> None:
    said = about_article(["headline"], ferry())
    assert "Ferry opens" in said.text
    assert quotes(said) == ["Ferry opens"]


def test_what_the_record_lacks_is_an_abstention() -> None:
    for kind, lacking in (("published", "published"), ("author", "authors"), ("outlet", "source")):
        said = about_article([kind], ferry(**{lacking: () if lacking == "authors" else None}))  # type: ignore[arg-type]
        assert (said.reason, said.statements) == ("not_stated", ())


def test_author_and_outlet_come_from_the_record() -> None:
    assert "Ada Finch" in about_article(["author"], ferry()).text
    assert "Lark Courier" in about_article(["outlet"], ferry()).text


def test_a_summary_is_the_articles_own_words() -> None:
    said = summary(ferry())
    assert quotes(said) == ["The new ferry of Larkhaven left the harbour."]
    assert all(c.quote in TEXT for s in said.statements for c in s.citations)


def test_a_long_list_is_cut_and_says_how_many_more() -> None:
    listed = [ArticleSummary(f"a{n}", f"Title {n}", None, None, None, None, "v1", 10) for n in range(53)]
    text = no_question("articles", listed, None).text
    assert "53 articles" in text
    assert "3 more" in text
    assert "Title 49" in text
    assert "Title 50" not in text


def test_a_title_of_two_lines_makes_no_line_in_a_list() -> None:
    one = ArticleSummary("a", "Ship\n- Forged", None, None, None, None, "v1", 10)
    assert len(no_question("articles", [one], None).text.splitlines()) == 2


def test_two_things_asked_of_an_article_are_both_told() -> None:
    said = about_article(["outlet", "published"], ferry())
    assert "Lark Courier" in said.text
    assert "2017" in said.text
    assert [c.n for s in said.statements for c in s.citations] == [1, 2]


def test_what_is_not_known_is_said_beside_what_is() -> None:
    said = about_article(["author", "published"], ferry(authors=()))
    assert said.reason is None
    assert "names no author" in said.text
    assert "2017" in said.text


def test_a_caption_is_quoted_whole() -> None:
    text = "Ferry\n\nThe ferry left.\n\nThe ferry at noon [Ana Ruiz/EPA]\n"
    shaped = read_shape(text)
    said = about_article(["caption"], replace(ferry(), title="Ferry", text=text, sections=shaped.sections))
    assert said.text == "The ferry at noon [Ana Ruiz/EPA]"
    assert said.statements[0].citations[0].quote == said.text


def test_an_article_without_a_caption_says_so() -> None:
    assert about_article(["caption"], ferry()).reason == "not_stated"
