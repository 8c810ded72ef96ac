"""What every loader keeps: articles with exact parts, or a refusal in words, never an error."""

from pathlib import Path

import pytest

from store.loaders.base import LOADERS, Refusal, load
from store.types import Article
from tests.data import files

SAMPLES: dict[str, bytes] = {
    ".txt": f"Pier vote\n\n{files.STORY[0]}\n".encode(),
    ".text": f"Pier vote\n\n{files.STORY[0]}\n".encode(),
    ".md": files.MARKDOWN,
    ".markdown": files.MARKDOWN,
    ".html": files.HTML,
    ".htm": files.HTML,
    ".pdf": files.PDF,
    ".eml": files.MAIL,
    ".csv": files.CSV,
    ".jsonl": files.JSONL,
    ".ndjson": files.JSONL,
    ".xml": files.RSS,
    ".rss": files.RSS,
    ".atom": files.ATOM,
}
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\t\n",
    "zeros": b"\0" * 5000,
    "picture": b"\xff\xd8\xff\xe0 JFIF" + bytes(range(256)),
    "bytes of no encoding": bytes(range(128, 256)) * 4,
}


def write(folder: Path, suffix: str, raw: bytes) -> Path:
    path = folder / f"sample{suffix}"
    path.write_bytes(raw)
    return path


def test_every_suffix_has_a_sample() -> None:
    assert set(SAMPLES) == set(LOADERS)


@pytest.mark.parametrize("suffix", sorted(SAMPLES))
def test_a_sample_gives_articles_that_hold_together(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path, suffix, SAMPLES[suffix])
    articles = [item for item in load(path) if isinstance(item, Article)]
    assert articles
    for article in articles:
        assert article.id
        assert article.version
        assert article.title == " ".join(article.title.split()) != ""
        assert "\r" not in article.text
        ends = [0, *(section.end for section in article.sections)]
        for section, previous in zip(article.sections, ends, strict=False):
            assert previous <= section.start < section.end <= len(article.text)
            words = article.text[section.start : section.end]
            assert words == words.strip()
    assert [item for item in load(path) if isinstance(item, Article)] == articles


@pytest.mark.parametrize("suffix", sorted(SAMPLES))
@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_a_broken_file_is_one_refusal_in_words(tmp_path: Path, suffix: str, kind: str) -> None:
    path = write(tmp_path, suffix, BROKEN[kind])
    (refusal,) = load(path)
    assert isinstance(refusal, Refusal)
    assert refusal.where.startswith(str(path))
    assert 10 < len(refusal.reason) < 200
    assert "\n" not in refusal.reason


@pytest.mark.parametrize("suffix", sorted(set(SAMPLES) - {".htm", ".markdown", ".text", ".ndjson", ".rss"}))
def test_a_file_cut_in_the_middle_raises_nothing(tmp_path: Path, suffix: str) -> None:
    raw = SAMPLES[suffix]
    assert list(load(write(tmp_path, suffix, raw[: len(raw) // 2])))
