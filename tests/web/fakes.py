"""A whole session without weights: four articles, scripted answers, and a model that can be slow."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from bot.models.base import ModelStatus
from bot.types import (
    Answer,
    Citation,
    Conflict,
    Event,
    Finished,
    FoundPassage,
    Question,
    Reason,
    Retrieved,
    Statement,
    StatementReady,
    Tokens,
    TokenWritten,
)
from bot.web.asking import found
from bot.web.seam import FileReport, Progress, TakenIn
from store.errors import ArticleNotFound
from store.types import Article, ArticleSummary, Hit, Passage, Published, Section

SEED_TEXT = Path(__file__).parents[2].joinpath("seeds/000_4d08abf3760346cf.txt").read_text(encoding="utf-8")


def article(
    article_id: str, title: str, text: str, day: date | None, source: str | None, language: str = "en"
) -> Article:
    published = Published(day, "field", 1.0, day.isoformat()) if day else None
    return Article(article_id, title, text, published, source, None, (), language, "v1")


def seed_article() -> Article:
    title = SEED_TEXT.split("\n")[0]
    sections, at = [], 0
    kinds = {0: "title", 2: "title", 3: "lead", 4: "read_time", 5: "date", 6: "caption"}
    for number, line in enumerate(SEED_TEXT.split("\n")):
        if line.strip():
            kind = kinds.get(number, "heading" if line == "Russia's growing Gulf clients" else "body")
            sections.append(Section(kind, at, at + len(line)))  # type: ignore[arg-type]
        at += len(line) + 1
    published = Published(date(2017, 10, 26), "dateline", 1.0, "26 October, 2017")
    return Article(
        "000_4d08abf3760346cf", title, SEED_TEXT, published, None, None, (), "en", "v1", tuple(sections)
    )


def small_library() -> tuple[Article, ...]:
    """The seed, two outlets that disagree on a number, an Arabic article, and one whose title turns text around."""
    return (
        seed_article(),
        article(
            "ferry-1",
            "Ferry stopped off Port Lenna",
            "Port Lenna, Monday.\n\nThe night ferry was stopped for 3 hours after a fire alarm.\n\n"
            "All 214 passengers were brought ashore, the harbour office said.",
            date(2021, 3, 8),
            "Lenna Courier",
        ),
        article(
            "ferry-2",
            "Fire alarm stops ferry",
            "A ferry was stopped off Port Lenna on Monday.\n\nThe ship carried 198 passengers, its owner said. 🚢 "
            "Nobody was hurt.",
            date(2021, 3, 9),
            "Coast Today",
        ),
        article(
            "ar-1",
            "توقيع اتفاق في الميناء",
            "وقع الوزيران اتفاقا في الميناء يوم الأربعاء.\n\nقال الوزير إن الاتفاق يشمل 12 سفينة.",
            date(2020, 6, 3),
            "صحيفة الساحل",
            "ar",
        ),
        article("odd-1", "\u202eTitle that turns\u202c around", "Nothing <b>bold</b> here.", None, None),
    )


class FakeLibrary:
    """Finds passages by shared words; a paragraph is a passage."""

    fingerprint = "fake"

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = {a.id: a for a in articles}

    def counts(self) -> "FakeCounts":
        return FakeCounts(len(self._articles), sum(len(self.passages(a)) for a in self._articles.values()))

    def summaries(self) -> tuple[ArticleSummary, ...]:
        return tuple(
            ArticleSummary(a.id, a.title, a.published, a.source, a.url, a.language, a.version, len(a.text))
            for a in self._articles.values()
        )

    def article(self, article_id: str) -> Article:
        try:
            return self._articles[article_id]
        except KeyError:
            raise ArticleNotFound(f"There is no article {article_id!r}.") from None

    def add(self, one: Article) -> None:
        self._articles[one.id] = one

    def drop(self, article_id: str) -> None:
        self._articles.pop(article_id, None)

    @staticmethod
    def passages(one: Article) -> list[Passage]:
        passages, at = [], 0
        for line in one.text.split("\n"):
            if len(line) > 30:
                passages.append(Passage(f"{one.id}:{at}", one.id, at, at + len(line), line))
            at += len(line) + 1
        return passages

    def search(self, query: str, k: int = 10, *, as_of: date | None = None) -> tuple[Hit, ...]:
        words = {w.strip("?.,").casefold() for w in query.split() if len(w) > 3}
        scored = []
        for one in self._articles.values():
            if as_of and (one.published is None or one.published.date > as_of):
                continue
            for passage in self.passages(one):
                score = sum(w in passage.text.casefold() for w in words) / (len(words) or 1)
                if score > 0:
                    scored.append((score, passage))
        scored.sort(key=lambda s: (-s[0], s[1].id))
        return tuple(Hit(p, s, n, "hybrid") for n, (s, p) in enumerate(scored[:k], 1))


@dataclass(frozen=True)
class FakeCounts:
    articles: int
    passages: int


@dataclass
class FakeEngine:
    spec: str = "scripted:calm"
    digest: str = "0" * 64
    state: str = "ready"

    def status(self) -> ModelStatus:
        return ModelStatus(self.spec, self.state, 1_117_320_768, "")  # type: ignore[arg-type]


def cite(one: Article, quote: str, n: int, kind: str = "stated", note: str | None = None) -> Citation:
    start = one.text.index(quote)
    day = one.published.date.isoformat() if one.published else None
    return Citation(
        n, one.id, one.title, one.source, day, one.url, quote, start, start + len(quote), kind, note
    )  # type: ignore[arg-type]


@dataclass
class FakeChain:
    """Answers by what the question contains; `script` may take over.

    Attributes:
        token_s: Seconds between tokens.
        endless: Writes until it is stopped.
        stopped: How many runs ended by being stopped or closed.
        running: How many run now; `most_running` the most at once.
    """

    library: FakeLibrary
    engine: FakeEngine
    token_s: float = 0.0
    endless: bool = False
    script: Callable[[Question], Iterator[Event]] | None = None
    asked: list[Question] = field(default_factory=list)
    stopped: int = 0
    running: int = 0
    most_running: int = 0

    def events(self, asked: Question, cancel: threading.Event | None = None) -> Iterator[Event]:
        self.asked.append(asked)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        finished = False
        try:
            for event in self.script(asked) if self.script else self._events(asked, cancel):
                if cancel is not None and cancel.is_set():
                    return
                yield event
                finished = isinstance(event, Finished)
        finally:
            self.running -= 1
            if not finished:
                self.stopped += 1

    def _events(self, asked: Question, cancel: threading.Event | None) -> Iterator[Event]:
        text = asked.text
        if asked.history and " there" in text:
            text = text.replace(" there", " in Doha")
        hits = tuple(found(h, self.library) for h in self.library.search(text, 6, as_of=asked.as_of))  # type: ignore[arg-type]
        yield Retrieved(text, hits)
        statements, conflicts, reason = self._said(text)
        draft = " ".join(s.text for s in statements) or "The articles"
        for word in draft.split(" "):
            self._sleep(cancel)
            yield TokenWritten(word + " ")
        while self.endless and not (cancel and cancel.is_set()):
            self._sleep(cancel, at_least=0.02)
            yield TokenWritten("and ")
        for one in statements:
            yield StatementReady(one)
        yield Finished(self._answer(asked, text, hits, statements, conflicts, reason))

    def _sleep(self, cancel: threading.Event | None, at_least: float = 0.0) -> None:
        pause = max(self.token_s, at_least)
        if pause and cancel is not None:
            cancel.wait(pause)
        elif pause:
            time.sleep(pause)

    def _said(self, text: str) -> tuple[tuple[Statement, ...], tuple[Conflict, ...], Reason | None]:
        low = text.casefold()
        if "ferry" in low or "passengers" in low:
            return self._ferry()
        if "وقع" in low or "الميناء" in low:
            one = self.library.article("ar-1")
            c = cite(one, "وقع الوزيران اتفاقا في الميناء يوم الأربعاء.", 1, "quoted")
            return (Statement("وقع الوزيران اتفاقا في الميناء.", (c,), "supported", 0.97),), (), None
        if "sign" in low or "doha" in low or "agreement" in low:
            return self._deal()
        return (), (), "not_stated"

    def _deal(self) -> tuple[tuple[Statement, ...], tuple[Conflict, ...], None]:
        seed = self.library.article("000_4d08abf3760346cf")
        first = cite(
            seed,
            "Russia and Qatar signed an inter-governmental agreement on military and technical cooperation in Doha "
            "on Wednesday, according to official state media.",
            1,
        )
        second = cite(
            seed,
            "Russian Defence Minister, Army General Sergey Shoigu and Qatari Minister of State for Defence Khalid bin "
            "Mohammad al-Attiyah endorsed the deal, Russia's official news agency TASS said.",
            2,
            "quoted",
        )
        third = cite(
            seed, "on Wednesday", 3, "computed", "Wednesday before publication on Thursday 26 October 2017"
        )
        return (
            (
                Statement(
                    "Russia and Qatar signed an agreement on military and technical cooperation in Doha.",
                    (first,),
                    "supported",
                    0.96,
                ),
                Statement(
                    "Sergey Shoigu and Khalid bin Mohammad al-Attiyah endorsed it, TASS said.",
                    (second,),
                    "supported",
                    0.93,
                ),
                Statement(
                    "It was signed on 25 October 2017 before twelve guests.",
                    (third,),
                    "partly",
                    0.55,
                    ("“twelve guests” does not occur in the cited words.",),
                ),
            ),
            (),
            None,
        )

    def _ferry(self) -> tuple[tuple[Statement, ...], tuple[Conflict, ...], None]:
        one, two = self.library.article("ferry-1"), self.library.article("ferry-2")
        a = Statement(
            "The Lenna Courier says 214 passengers were brought ashore.",
            (cite(one, "All 214 passengers were brought ashore, the harbour office said.", 1, "quoted"),),
            "supported",
            0.95,
        )
        b = Statement(
            "Coast Today says the ship carried 198 passengers.",
            (cite(two, "The ship carried 198 passengers, its owner said. 🚢 Nobody was hurt.", 2, "quoted"),),
            "supported",
            0.94,
        )
        return (a, b), (Conflict("Number of passengers", (a, b)),), None

    def _answer(
        self,
        asked: Question,
        standalone: str,
        hits: tuple[FoundPassage, ...],
        statements: tuple[Statement, ...],
        conflicts: tuple[Conflict, ...],
        reason: Reason | None,
    ) -> Answer:
        text = " ".join(s.text for s in statements) or "Your articles do not state this."
        suggestions = (
            () if reason else ("Which agencies reported the deal?", "What else was discussed there?")
        )
        return Answer(
            id=asked.id or "0" * 32,
            question=asked.text,
            standalone_question=standalone,
            text=text,
            statements=statements,
            abstained=reason is not None,
            reason=reason,
            hits=hits,
            model=self.engine.spec,
            model_digest=self.engine.digest,
            prompts={"answer": "v1"},
            index_fingerprint="fake",
            timings_s={"retrieve": 0.012, "first_token": 0.41, "total": 2.3},
            tokens=Tokens(640, 600, 42),
            as_of=asked.as_of,
            conflicts=conflicts,
            suggestions=suggestions,
        )


class FakeSession:
    def __init__(self, articles: Sequence[Article] | None = None, spec: str = "scripted:calm") -> None:
        self.library = FakeLibrary(small_library() if articles is None else articles)
        self.engine = FakeEngine(spec)
        self.chain = FakeChain(self.library, self.engine)
        self.closed = False

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeShelf:
    """Takes in .txt files of the fake library; refuses what is empty or no text."""

    library: FakeLibrary
    taken: list[str] = field(default_factory=list)

    def take_in(self, paths: Sequence[Path], progress: Progress) -> TakenIn:
        files = []
        for number, path in enumerate(paths, 1):
            progress(number, len(paths), "Reading articles")
            text = path.read_bytes().decode(errors="ignore")
            if path.suffix != ".txt" or "\0" in text:
                files.append(FileReport(path.name, "refused", "looks like an image, not a text"))
                continue
            self.taken.append(path.name)
            self.library.add(article(path.stem, text.split("\n")[0], text, date(2022, 5, 1), "Upload Post"))
            files.append(FileReport(path.name, "added"))
        added = sum(f.outcome == "added" for f in files)
        return TakenIn(tuple(files), added, refused=len(files) - added)

    def seed(self, progress: Progress) -> TakenIn:
        progress(1, 1, "Reading articles")
        self.library.add(seed_article())
        return TakenIn((FileReport("000_4d08abf3760346cf.txt", "added"),), added=1)

    def remove(self, article_ids: Sequence[str]) -> int:
        for one in article_ids:
            self.library.drop(one)
        return len(article_ids)


class FakeShop:
    def listed(self) -> tuple[ModelStatus, ...]:
        return (
            ModelStatus("scripted:calm", "present", 1_117_320_768, "Apache-2.0"),
            ModelStatus("scripted:quick", "present", 491_400_064, "Apache-2.0"),
            ModelStatus("scripted:absent", "absent", 98_362_432, "Apache-2.0"),
        )

    def fetch(self, spec: str, progress: Progress) -> None:
        for done in range(1, 6):
            progress(done * 20, 100, f"Fetching {spec}")
