"""Turns a fragment of HTML, such as a feed entry, into the words a reader would see."""

import re
from html.parser import HTMLParser

_BLOCKS = frozenset(
    "address article blockquote br div dd dl dt figcaption figure footer h1 h2 h3 h4 h5 h6 header hr li"
    " main ol p pre section table td th tr ul".split()
)
_SILENT = frozenset(("script", "style", "template", "noscript", "iframe", "object", "svg", "head", "title"))


def plain_text(markup: str) -> str:
    """The words, one paragraph a line with blank lines between; scripts, styles and comments are gone."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n+", "".join(reader.words)))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag in _BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            # A line end in the source is only white space.
            self.words.append(data.replace("\n", " "))
