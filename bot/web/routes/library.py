"""The library over HTTP: list, read, take in and remove articles."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import StreamingResponse

from bot.web.desk import error_words
from bot.web.routes.ask import STREAM_HEADERS
from bot.web.seam import FileReport, Progress, Shelf, TakenIn
from bot.web.state import WebState, state_of
from bot.web.told import line_of
from store.errors import ConfigError, InputRefused, LibraryMissing
from store.types import Article, ArticleSummary

router = APIRouter(prefix="/api", tags=["articles"])


class UploadRefused(InputRefused):
    http_status = 400


def summary_to_json(article: ArticleSummary) -> dict[str, Any]:
    return {
        "id": article.id,
        "title": article.title,
        "source": article.source,
        "published": article.published.date.isoformat() if article.published else None,
        "url": article.url,
        "language": article.language,
        "chars": article.chars,
    }


def article_to_json(article: Article) -> dict[str, Any]:
    """Offsets count code points of `text`, as everywhere in the program."""
    return {
        "id": article.id,
        "title": article.title,
        "source": article.source,
        "published": article.published.date.isoformat() if article.published else None,
        "url": article.url,
        "authors": list(article.authors),
        "language": article.language,
        "version": article.version,
        "text": article.text,
        "sections": [{"kind": s.kind, "start": s.start, "end": s.end} for s in article.sections],
    }


@router.get("/articles", summary="List articles")
def list_articles(
    request: Request,
    q: str = Query("", max_length=200, description="Words of the title."),
    source: str | None = None,
    language: str | None = None,
    first: Annotated[date | None, Query(description="Published on or after this day.")] = None,
    last: Annotated[date | None, Query(description="Published on or before this day.")] = None,
    offset: int = Query(0, ge=0),
    limit: int = Query(100, ge=1, le=1000),
) -> dict[str, Any]:
    try:
        everything = state_of(request).desk.session.library.summaries()
    except LibraryMissing:
        everything = ()
    chosen = [
        a
        for a in everything
        if q.casefold() in a.title.casefold()
        and (source is None or (a.source or "") == source)
        and (language is None or (a.language or "") == language)
        and _within(a, first, last)
    ]
    chosen.sort(key=lambda a: (a.published is None, -(a.published.date.toordinal() if a.published else 0)))
    return {
        "articles": [summary_to_json(a) for a in chosen[offset : offset + limit]],
        "total": len(chosen),
        "in_library": len(everything),
        "sources": _counted(a.source or "" for a in everything),
        "languages": _counted(a.language or "" for a in everything),
        "months": dict(sorted(Counter(f"{a.published.date:%Y-%m}" for a in chosen if a.published).items())),
        "undated": sum(a.published is None for a in chosen),
    }


def _within(article: ArticleSummary, first: date | None, last: date | None) -> bool:
    if first is None and last is None:
        return True
    if article.published is None:
        return False
    day = article.published.date
    return (first is None or day >= first) and (last is None or day <= last)


def _counted(names: Any) -> list[dict[str, Any]]:
    return [{"name": name, "articles": n} for name, n in sorted(Counter(names).items())]


@router.get("/articles/{article_id}", summary="One article with its text")
def read_article(article_id: str, request: Request) -> dict[str, Any]:
    return article_to_json(state_of(request).desk.session.library.article(article_id))


@router.delete("/articles/{article_id}", summary="Remove an article")
def remove_article(article_id: str, request: Request) -> dict[str, int]:
    state = state_of(request)
    state.desk.session.library.article(article_id)
    return {"removed": _shelf(state).remove([article_id])}


@router.post("/articles", summary="Add articles from files", response_description="NDJSON: progress, report")
async def add_articles(request: Request, files: Annotated[list[UploadFile], File()]) -> StreamingResponse:
    """Each file is parsed by its content and deleted after it has been taken in."""
    state = state_of(request)
    shelf = _shelf(state)
    if len(files) > state.limits.upload_files:
        raise UploadRefused(f"{len(files)} files at once; the limit is {state.limits.upload_files}.")
    folder = Path(tempfile.mkdtemp(prefix="citewire-upload-"))
    try:
        paths, refused = await asyncio.to_thread(_put_down, files, folder, state.limits.name_chars)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise

    def work(progress: Progress) -> TakenIn:
        try:
            report = shelf.take_in(paths, progress) if paths else TakenIn(())
            return TakenIn(
                (*report.files, *refused), report.added, report.updated, report.unchanged,
                report.refused + len(refused),
            )  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return StreamingResponse(_worked(state, work), media_type="application/x-ndjson", headers=STREAM_HEADERS)


@router.post("/library/seed", summary="Add the article that ships with the program")
async def add_seed(request: Request) -> StreamingResponse:
    state = state_of(request)
    return StreamingResponse(
        _worked(state, _shelf(state).seed), media_type="application/x-ndjson", headers=STREAM_HEADERS
    )


def _shelf(state: WebState) -> Shelf:
    if state.shelf is None:
        raise ConfigError("This server was started with a library that cannot be changed from the page.")
    return state.shelf


def base_name(name: str, most: int) -> str:
    """The last part of a path in either style, without control characters; "" when nothing is left."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    kept = "".join(c for c in last if c.isprintable()).strip().lstrip(".")
    stem, dot, suffix = kept.rpartition(".")
    if len(kept) <= most or not dot or len(suffix) > 10:
        return kept[:most]
    return f"{stem[: most - len(suffix) - 1]}.{suffix}"


def _put_down(
    files: Sequence[UploadFile], folder: Path, most: int
) -> tuple[list[Path], tuple[FileReport, ...]]:
    """Writes uploads into a fresh folder each, so that equal names cannot meet."""
    paths: list[Path] = []
    refused: list[FileReport] = []
    for number, file in enumerate(files):
        name = base_name(file.filename or "", most)
        if not name or "." not in name:
            refused.append(FileReport(name or "(no name)", "refused", "the name has no ending such as .txt"))
            continue
        own = folder / str(number)
        own.mkdir()
        with (own / name).open("wb") as target:
            shutil.copyfileobj(file.file, target)
        paths.append(own / name)
    return paths, tuple(refused)


async def _worked(state: WebState, work: Callable[[Progress], TakenIn]) -> AsyncIterator[str]:
    """Progress and the report as lines; the work goes on when the listener leaves."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def put(line: dict[str, Any] | None) -> None:
        loop.call_soon_threadsafe(arrived.put_nowait, line)

    def run() -> None:
        try:
            report = work(
                lambda done, total, note: put(
                    {"event": "progress", "done": done, "total": total, "note": note}
                )
            )
            state.desk.open()  # the first article makes a library
            put({"event": "report", **_report_to_json(report)})
        except Exception as error:  # told to the page; what is not ours is logged under a code
            kind, message = error_words(error)
            put({"event": "error", "error": {"type": kind, "message": message}})
        finally:
            put(None)

    loop.run_in_executor(state.pool, run)
    while True:
        try:
            line = await asyncio.wait_for(arrived.get(), state.limits.alive_s)
        except TimeoutError:
            yield line_of({"event": "alive"})
            continue
        if line is None:
            return
        yield line_of(line)


def _report_to_json(report: TakenIn) -> dict[str, Any]:
    return {
        "files": [{"name": f.name, "outcome": f.outcome, "reason": f.reason} for f in report.files],
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "refused": report.refused,
    }
