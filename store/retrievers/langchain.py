"""The library as a LangChain retriever, for chains of other people."""

from datetime import date
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict

from store.library import Library
from store.types import Hit


class LibraryRetriever(BaseRetriever):
    """Gives passages as Documents, best first.

    Attributes:
        k: Most documents to give.
        retriever: "dense", "lexical" or "hybrid".
        as_of: Only articles known to be published by that day.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    library: Library
    k: int = 10
    retriever: str = "hybrid"
    as_of: date | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        hits = self.library.search(query, self.k, retriever=self.retriever, as_of=self.as_of)
        return [self._document(hit) for hit in hits]

    def _document(self, hit: Hit) -> Document:
        article = self.library.article(hit.passage.article_id)
        metadata: dict[str, Any] = {
            "article_id": article.id,
            "title": article.title,
            "start": hit.passage.start,
            "end": hit.passage.end,
            "score": hit.score,
            "rank": hit.rank,
            "source": article.source or "",
            "url": article.url or "",
            "published": article.published.date.isoformat() if article.published else "",
        }
        return Document(id=hit.passage.id, page_content=hit.passage.text, metadata=metadata)
