"""Stand-ins whose behaviour is known by construction."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from store.errors import EmbedderUnavailable
from store.types import Article, Published


class FakeEmbedder:
    """Counts known words, one axis each, and has one more axis that is 1 for texts with none of them.

    With axes ("ship", "bank"): "ship ship bank" becomes (2, 1, 0) / sqrt(5), "rain" becomes (0, 0, 1).
    """

    def __init__(
        self,
        axes: Sequence[str] = ("ship", "bank", "rain"),
        *,
        spec: str = "fake:words",
        digest: str = "d1",
        languages: frozenset[str] | None = None,
        fail_after: int | None = None,
    ) -> None:
        self.axes = tuple(axes)
        self.spec, self.digest, self.languages = spec, digest, languages
        self.max_tokens = 256
        self.dimension = len(self.axes) + 1
        self.embedded: list[str] = []
        self._fail_after = fail_after

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._fail_after is not None and len(self.embedded) + len(texts) > self._fail_after:
            raise EmbedderUnavailable("the fake embedder was told to fail")
        self.embedded.extend(texts)
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            words = text.lower().replace(".", " ").split()
            row[:-1] = [words.count(axis) for axis in self.axes]
            row[-1] = 0.0 if row[:-1].any() else 1.0
            row /= np.linalg.norm(row)
        return out


def article(
    article_id: str,
    text: str,
    *,
    title: str = "",
    published: date | None = None,
    version: str | None = None,
    url: str | None = None,
) -> Article:
    """A small article; its version is its text's hash unless given."""
    return Article(
        id=article_id,
        title=title or f"Title of {article_id}",
        text=text,
        published=Published(published, "field", 1.0, published.isoformat()) if published else None,
        source=None,
        url=url,
        authors=(),
        language="en",
        version=version or f"v{abs(hash(text))}",
    )
