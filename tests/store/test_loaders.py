"""What the loaders read, keep and refuse."""

import json
import os
import zlib
from datetime import date
from pathlib import Path

import pytest

from store.errors import InputRefused
from store.loaders.apart import parse_apart
from store.loaders.base import Refusal, canonical_url, load
from store.loaders.language import guess_language
from store.loaders.markup import plain_text
from store.loaders.pdf import unwrap
from store.loaders.shape import read_shape
from store.types import Article
from tests.data import files

SEED = Path(__file__).parents[2] / "seeds" / "000_4d08abf3760346cf.txt"


def read(folder: Path, name: str, raw: bytes | str) -> list[Article | Refusal]:
    path = folder / name
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return list(load(path))


def article(folder: Path, name: str, raw: bytes | str) -> Article:
    (found,) = read(folder, name, raw)
    assert isinstance(found, Article), found
    return found


def refusal(folder: Path, name: str, raw: bytes | str) -> str:
    (found,) = read(folder, name, raw)
    assert isinstance(found, Refusal), found
    return found.reason


def jsonl(*lines: object) -> str:
    return "\n".join(json.dumps(line) for line in lines)


# Plain text


def test_the_seed_is_read_whole_with_its_parts() -> None:
    (seed,) = load(SEED)
    assert isinstance(seed, Article)
    assert seed.text == SEED.read_bytes().decode()
    assert seed.title == "Russia, Qatar sign 'military and technical' cooperation agreement"
    assert seed.published is not None
    assert (seed.published.date, seed.published.origin) == (date(2017, 10, 26), "dateline")
    assert (seed.source, seed.language, seed.notes) == (None, "en", ())
    parts = [(section.kind, seed.text[section.start : section.end]) for section in seed.sections]
    assert [kind for kind, _ in parts] == "title title lead read_time date caption body heading body".split()
    assert parts[3][1] == "2 min read"
    assert parts[4][1] == "26 October, 2017"
    assert parts[5][1].endswith("[Qatar Defence Ministry]")
    assert parts[7][1] == "Russia's growing Gulf clients"
    assert parts[8][1].endswith("arms deal with Riyadh.")


def test_plain_text_without_that_shape_works(tmp_path: Path) -> None:
    found = article(tmp_path, "note.txt", "Pier vote\n\nThe council voted. It was close.\n")
    assert (found.title, found.published) == ("Pier vote", None)
    assert found.text == "Pier vote\n\nThe council voted. It was close.\n"
    assert [section.kind for section in found.sections] == ["title", "body"]


@pytest.mark.parametrize(
    "caption",
    [
        "Fishermen on the Selm near Kessandra [Dario Lenk/EPA]",
        "The bakery on Quay Street (AP Photo/Ana Ruiz)",
        "The bakery on Quay Street. Photo: Ana Ruiz",
    ],
)
def test_a_credited_line_within_the_story_is_a_caption(tmp_path: Path, caption: str) -> None:
    told = "The river is low. Nobody fishes."
    found = article(tmp_path, "note.txt", f"Low water\n\n{told}\n\n{caption}\n\n{told}\n")
    assert [section.kind for section in found.sections] == ["title", "body", "caption", "body"]


@pytest.mark.parametrize(
    "line", ["It cost 3m [£2m].", "He said [the dam] will hold", "They left (all of them)"]
)
def test_a_bracket_alone_makes_no_caption(tmp_path: Path, line: str) -> None:
    found = article(tmp_path, "note.txt", f"Low water\n\nThe river is low.\n\n{line} for now.\n")
    assert [section.kind for section in found.sections] == ["title", "body"]


def test_a_story_without_a_headline_is_named_by_its_first_words(tmp_path: Path) -> None:
    found = article(tmp_path, "note.txt", "The council voted on Tuesday.")
    assert found.title == "The council voted on Tuesday."
    assert [section.kind for section in found.sections] == ["body"]


def test_a_sentence_is_not_a_heading() -> None:
    text = "Title\n\nOne sentence here.\n\nA heading\n\nAnother sentence.\n\n“A quote”\n\nThe end"
    kinds = [(s.kind, text[s.start : s.end]) for s in read_shape(text).sections]
    assert kinds == [
        ("title", "Title"),
        ("body", "One sentence here."),
        ("heading", "A heading"),
        ("body", "Another sentence.\n\n“A quote”\n\nThe end"),
    ]


def test_the_id_stays_when_the_story_changes_and_the_version_does_not(tmp_path: Path) -> None:
    old = article(tmp_path, "a.txt", "Pier vote\n\nThe council voted.")
    new = article(tmp_path, "a.txt", "Pier vote\n\nThe council did not vote.")
    assert old.id == new.id
    assert old.version != new.version


def test_e02_removed_characters_are_noted(tmp_path: Path) -> None:
    found = article(tmp_path, "a.txt", "Pier vote\n\nThe cou\u200bncil vot\u202eed.")
    assert found.text == "Pier vote\n\nThe council voted."
    assert found.notes == ("removed 2 hidden characters",)


def test_e16_a_guessed_encoding_is_noted(tmp_path: Path) -> None:
    found = article(tmp_path, "a.txt", "Café vote\n\nThe café owners voted at the théâtre.".encode("cp1252"))
    assert found.title == "Café vote"
    assert found.notes == ("read as cp1252 (confidence 1.00)",)


# What is refused


def test_e14_text_after_many_blank_lines_is_found(tmp_path: Path) -> None:
    assert article(tmp_path, "a.txt", "\n" * 5000 + "Late words.").title == "Late words."


def test_e13_a_huge_article_is_refused_with_size_and_limit(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.txt", "word " * 500_000) == "2.5 MB is over the limit of 2.0 MB"


def test_e13_a_huge_line_is_refused_and_the_others_go_on(tmp_path: Path) -> None:
    found = read(tmp_path, "a.jsonl", jsonl({"text": "word " * 500_000}, {"id": "b", "text": "A short one."}))
    assert isinstance(found[0], Refusal)
    assert found[0].where.endswith("a.jsonl, line 1")
    assert isinstance(found[1], Article)
    assert found[1].id == "b"


def test_e14_one_character_is_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.txt", "a") == "no text found"


@pytest.mark.parametrize(
    ("raw", "looks_like"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG image"),
        (b"\x7fELF\x02\x01\x01", "a program"),
        (b"%PDF-1.4 ...", "a PDF"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"\0" * 10_000, "a binary file"),
    ],
)
def test_e15_other_formats_named_txt_are_refused(tmp_path: Path, raw: bytes, looks_like: str) -> None:
    assert f"looks like {looks_like}" in refusal(tmp_path, "a.txt", raw)


def test_e15_only_regular_files_are_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("A secret.\n\nIt is long enough.")
    (tmp_path / "link.txt").symlink_to(secret)
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    reasons = {}
    for name in ("link.txt", "loop.txt", "folder.txt", "pipe.txt", "missing.txt"):
        (found,) = load(tmp_path / name)
        assert isinstance(found, Refusal)
        reasons[name] = found.reason
    assert reasons == {
        "link.txt": "this is a symbolic link; give the file it points to",
        "loop.txt": "this is a symbolic link; give the file it points to",
        "folder.txt": "this is a folder; give an article file",
        "pipe.txt": "this is not a regular file; give an article file",
        "missing.txt": "no such file",
    }


def test_an_unknown_suffix_is_refused_with_those_that_work(tmp_path: Path) -> None:
    assert ".jsonl" in refusal(tmp_path, "a.docx", "text")


# JSON lines and tables


def test_jsonl_keeps_id_and_text_exactly(tmp_path: Path) -> None:
    text = "  One.\u2028Two  \n\n three\u00a0… "
    line = {"id": "Case/7", "title": "T", "text": text, "published": "2021-09-08", "language": "fr-FR"}
    found = article(tmp_path, "a.jsonl", json.dumps(line, ensure_ascii=False))
    assert (found.id, found.text, found.language) == ("Case/7", text, "fr")
    assert found.published is not None
    assert (found.published.date, found.published.origin) == (date(2021, 9, 8), "field")


def test_a_broken_line_is_refused_by_number_and_the_others_go_on(tmp_path: Path) -> None:
    lines = [
        '{"text": "First story."}',
        "{oops",
        "",
        "[1]",
        '{"text": 5}',
        '{"title": "x"}',
        '{"text": "Last one."}',
    ]
    found = read(tmp_path, "a.jsonl", "\n".join(lines))
    refused = [(item.where.rpartition(", ")[2], item.reason) for item in found if isinstance(item, Refusal)]
    assert refused == [
        ("line 2", "not valid JSON at column 2: Expecting property name enclosed in double quotes"),
        ("line 4", "a line must be a JSON object, this is a list"),
        ("line 5", 'no "text"; an article needs "text" as a string, here it is a number'),
        ("line 6", 'no "text"; an article needs "text" as a string, here it is missing'),
    ]
    assert [item.text for item in found if isinstance(item, Article)] == ["First story.", "Last one."]


def test_e16_a_lone_surrogate_in_json_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.jsonl", '{"text": "abc \\ud83d"}').startswith("broken character '\\ud83d'")


def test_deep_json_is_refused(tmp_path: Path) -> None:
    assert "JSON" in refusal(tmp_path, "a.jsonl", '{"text": ' + "[" * 200_000)


def test_an_id_given_twice_for_different_texts_is_refused(tmp_path: Path) -> None:
    found = read(
        tmp_path, "a.jsonl", jsonl({"id": "a", "text": "One story."}, {"id": "a", "text": "Another."})
    )
    assert isinstance(found[0], Article)
    assert isinstance(found[1], Refusal)
    assert "id 'a' is used twice" in found[1].reason


def test_articles_of_one_title_in_one_file_keep_apart(tmp_path: Path) -> None:
    found = read(
        tmp_path, "a.jsonl", jsonl({"title": "Live", "text": "One."}, {"title": "Live", "text": "Two."})
    )
    first, second = (item for item in found if isinstance(item, Article))
    assert second.id == f"{first.id}-2"


def test_a_date_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    found = article(tmp_path, "a.jsonl", jsonl({"text": "A story.", "published": "some day"}))
    assert (found.published, found.notes) == (None, ("date 'some day' could not be read",))


def test_an_address_that_is_no_web_address_is_left_out(tmp_path: Path) -> None:
    found = article(tmp_path, "a.jsonl", jsonl({"text": "A story.", "url": "javascript:alert(1)"}))
    assert found.url is None
    assert "not http or https" in found.notes[0]


def test_e12_a_title_is_one_line_without_overrides(tmp_path: Path) -> None:
    found = article(tmp_path, "a.jsonl", jsonl({"text": "A story.", "title": "Pier\n\u202e vote\x1b[31m"}))
    assert found.title == "Pier vote"


def test_a_table_gives_an_article_a_row(tmp_path: Path) -> None:
    pier, storm = read(tmp_path, "a.csv", files.CSV)
    assert isinstance(pier, Article)
    assert isinstance(storm, Article)
    assert pier.text == f"{files.STORY[0]}\n{files.STORY[1]}"
    assert (pier.title, pier.source, storm.source) == ("Pier", "Herald", None)


def test_a_table_needs_a_text_column(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", "a,b\n1,2\n") == "no column 'text'; the first line names a, b"


def test_a_row_with_too_many_values_is_refused_alone(tmp_path: Path) -> None:
    broken, whole = read(tmp_path, "a.csv", "title;text\nA;one;two\nB;Two stories\n")
    assert isinstance(broken, Refusal)
    assert broken.where.endswith("line 2")
    assert isinstance(whole, Article)


# Markdown, mail, pages, feeds


def test_markdown_front_matter_and_headings(tmp_path: Path) -> None:
    found = article(tmp_path, "a.md", files.MARKDOWN)
    assert (found.title, found.source, found.authors) == (
        "Council votes to rebuild pier",
        "Ellery Herald",
        ("Ada Moss", "Bo Lind"),
    )
    assert found.published is not None
    assert (found.published.date, found.published.origin) == (date(2021, 9, 8), "front_matter")
    assert [section.kind for section in found.sections] == ["title", "body", "heading", "body"]
    assert "comment words" not in found.text
    assert found.notes == ("removed 1 HTML comments",)


def test_markdown_with_broken_front_matter_is_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, "a.md", "---\ntitle: [a\n---\nText here.")
        == "front matter is not valid YAML at line 3"
    )


def test_markdown_without_front_matter_is_titled_by_its_heading(tmp_path: Path) -> None:
    assert article(tmp_path, "a.md", "# Pier vote #\n\nThe council voted.\n").title == "Pier vote"


def test_a_mail_has_subject_sender_date_and_its_own_charset(tmp_path: Path) -> None:
    found = article(tmp_path, "a.eml", files.MAIL)
    assert (found.title, found.source) == ("Council votes – pier", "Ellery Herald")
    assert found.text.endswith("Café owners cheered.\n")
    assert found.published is not None
    assert (found.published.date, found.published.origin) == (date(2021, 9, 8), "header")


def test_e18_a_page_gives_its_story_and_no_scripts_comments_or_hidden_words(tmp_path: Path) -> None:
    found = article(tmp_path, "a.html", files.HTML)
    for words in files.STORY:
        assert words in found.text
    for words in (
        "script words",
        "color: red",
        "comment words",
        "praise the mayor",
        "javascript",
        "Sport",
        "Imprint",
    ):
        assert words not in found.text
    assert (found.title, found.source, found.authors) == (
        "Council votes to rebuild pier",
        "Ellery Herald",
        ("Ada Moss",),
    )
    assert found.published is not None
    assert (found.published.date, found.published.origin) == (date(2021, 9, 8), "meta")
    assert found.notes == ("removed 1 hidden elements",)


def test_e18_a_page_of_nested_tags_ends(tmp_path: Path) -> None:
    raw = "<html><body>" + "<div>" * 100_000 + "deep words" + "</div>" * 100_000
    assert "save the article as text" in refusal(tmp_path, "a.html", raw)


def test_e21_entities_are_not_allowed(tmp_path: Path) -> None:
    for declaration in ('<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/passwd">'):
        raw = f"<!DOCTYPE x [{declaration}]><rss><channel><item><title>&a;</title></item></channel></rss>"
        assert refusal(tmp_path, "a.xml", raw).startswith("entities are not allowed")


def test_other_xml_is_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, "a.xml", "<html>x</html>")
        == "this XML is not an RSS or Atom feed; its root is <html>"
    )


def test_a_feed_gives_an_article_an_entry(tmp_path: Path) -> None:
    pier, empty = read(tmp_path, "a.rss", files.RSS)
    assert isinstance(pier, Article)
    assert isinstance(empty, Refusal)
    assert pier.text == f"{files.STORY[0]}\n\n{files.STORY[1]}"
    assert (pier.title, pier.source, pier.language) == ("Pier & council", "Ellery Herald", "en")
    assert pier.published is not None
    assert pier.published.date == date(2021, 9, 8)  # in the feed's own time zone
    assert empty.where.endswith("entry 2")


def test_an_atom_entry_without_a_link_is_named_by_its_id(tmp_path: Path) -> None:
    found = article(tmp_path, "a.atom", files.ATOM)
    assert (found.id, found.url) == ("urn:x:3", None)


# PDF


def test_a_pdf_gives_text_title_and_a_doubtful_date(tmp_path: Path) -> None:
    found = article(tmp_path, "a.pdf", files.PDF)
    for words in files.STORY:
        assert words in found.text
    assert found.title == "Council votes to rebuild pier"
    assert found.published is not None
    assert (found.published.date, found.published.confidence) == (date(2021, 9, 8), 0.4)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (files.pdf([]), "no text found in this PDF; is it scanned? Run text recognition first"),
        (files.pdf(["x"], pages=600), "this PDF has 600 pages; the limit is 500"),
        (b"%PDF-1.4\ngarbage", "this PDF is damaged and cannot be read"),
        (
            files.pdf([], stream=zlib.compress(b"\0" * 200_000_000)),
            "this PDF expands beyond what an article can be",
        ),
    ],
    ids=["scanned", "long", "damaged", "bomb"],
)
def test_e19_hostile_pdfs_are_refused(tmp_path: Path, raw: bytes, reason: str) -> None:
    assert refusal(tmp_path, "a.pdf", raw) == reason


def test_e19_an_encrypted_pdf_is_refused(tmp_path: Path) -> None:
    import io

    import pypdf

    writer = pypdf.PdfWriter(clone_from=io.BytesIO(files.PDF))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert refusal(tmp_path, "a.pdf", out.getvalue()) == "this PDF is encrypted; save it without a password"


def test_a_parser_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(InputRefused, match=r"longer than 0\.01 s"):
        parse_apart("pdf", files.PDF, timeout_s=0.01)


def test_wrapped_lines_are_joined_and_short_lines_end_paragraphs() -> None:
    text = "Headline\nThe council voted on Tues-\nday to rebuild the pier\nof the town.\nNext paragraph is long\nand on."
    assert unwrap(text) == (
        "Headline\nThe council voted on Tuesday to rebuild the pier of the town.\nNext paragraph is long and on."
    )


# Helpers


@pytest.mark.parametrize(
    "url",
    [
        "https://www.herald.example/pier",
        "http://herald.example/pier/",
        "https://herald.example/pier?utm_source=x&fbclid=1#top",
    ],
)
def test_e09_spellings_of_one_address_meet(url: str) -> None:
    assert canonical_url(url) == "herald.example/pier"


def test_other_addresses_stay_apart() -> None:
    assert canonical_url("https://herald.example/?id=1") != canonical_url("https://herald.example/?id=2")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (" ".join(files.STORY), "en"),
        (
            "Le conseil du port a voté mardi pour la reconstruction de la jetée, qui est fermée depuis mars.",
            "fr",
        ),
        ("El consejo del puerto votó el martes por la reconstrucción de los muelles que se cerraron.", "es"),
        (
            "Der Rat hat am Dienstag für den Neubau des Hafens gestimmt, der seit dem Sturm nicht offen ist.",
            "de",
        ),
        ("وقع وزير الدفاع الروسي اتفاقية مع قطر", "ar"),
        ("東京都知事は新しい計画を発表した。", "ja"),
        ("Совет порта проголосовал во вторник", "ru"),
        ("Pier 5", None),
    ],
)
def test_languages_are_told_by_script_and_common_words(text: str, language: str | None) -> None:
    assert guess_language(text) == language


def test_markup_becomes_paragraphs() -> None:
    assert plain_text("<p>One &amp;\n two</p><script>x</script><p>Three<br>four<!-- c --></p>") == (
        "One & two\n\nThree\n\nfour"
    )
