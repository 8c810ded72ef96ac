"""Finds a suite by name or path: its cases, and the articles they are asked of."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from evals.cases import read_cases
from evals.errors import CasesRefused
from evals.types import Case, Source, Suite, World
from store.loaders.base import Refusal, loader_for

_HERE = Path(__file__).parent
_SEEDS = _HERE.parent / "seeds"
NAMED: Mapping[str, tuple[Path, Path]] = {
    "deal": (_HERE / "cases" / "deal.jsonl", _SEEDS),
    "archive": (_HERE / "cases" / "archive.jsonl", _HERE / "archive" / "articles.jsonl"),
    "deal-fresh": (_HERE / "cases" / "deal-fresh.jsonl", _SEEDS),
    "archive-fresh": (_HERE / "cases" / "archive-fresh.jsonl", _HERE / "archive" / "articles.jsonl"),
    "news": (_HERE / "cases" / "news.jsonl", _HERE / "news" / "articles.jsonl"),
    "training": (_HERE / "cases" / "training.jsonl", _HERE / "training" / "articles.jsonl"),
    "wire": (_HERE / "cases" / "wire.jsonl", _HERE / "wire" / "articles.jsonl"),
}
"""Suite name to its case file and the file or folder of its articles."""

_ARTICLE_SUFFIXES = (".txt", ".md", ".html", ".pdf", ".eml", ".csv", ".jsonl", ".rss", ".atom", ".xml")


def load_suite(cases: str, *, articles: Path | None = None, plant_into: str = "deal", seed: int = 7) -> Suite:
    """The suite of that name, or of that case file.

    Args:
        cases: A name of `NAMED`, a `cases.jsonl` with an `articles.jsonl` beside it, the folder of both,
            or an `attacks.jsonl`, whose attacks are then planted into the articles of `plant_into`.
        articles: A file or folder of articles that takes the place of the one beside the cases.
        seed: Of the places and the questions that attacks are given.

    Raises:
        CasesRefused: Before anything runs, with every problem found.
    """
    if cases in NAMED:
        case_file, beside = NAMED[cases]
        return _suite(cases, case_file, articles or beside)
    path = Path(cases)
    if path.is_dir():
        path /= "attacks.jsonl" if (path / "attacks.jsonl").exists() else "cases.jsonl"
    if not path.exists():
        known = ", ".join(sorted(NAMED))
        raise CasesRefused((f"{path}: no such file, nor a suite of that name; the named ones are {known}",))
    if path.name.startswith("attacks"):
        from evals.attacks import plant_all

        return plant_all(path, load_suite(plant_into, articles=articles), seed=seed)
    name = (
        path.parent.name if path.stem == "cases" else f"{path.parent.name}-{path.stem.removeprefix('cases-')}"
    )
    return _suite(name, path, articles or path.parent / "articles.jsonl")


def _suite(name: str, case_file: Path, articles: Path) -> Suite:
    world = World(_files(articles))
    cases = read_cases(case_file, sources(world))
    return Suite(name, case_file, cases, (world,), digest(case_file.read_bytes(), (world,)))


def digest(case_bytes: bytes, worlds: Iterable[World]) -> str:
    """SHA-256 of cases and articles together; runs of unlike digests are never compared."""
    whole = hashlib.sha256(case_bytes)
    for world in worlds:
        for name, content in world.files:
            whole.update(f"\n{name}\n{len(content)}\n".encode())
            whole.update(content)
    return whole.hexdigest()


def _files(articles: Path) -> tuple[tuple[str, bytes], ...]:
    if not articles.exists():
        raise CasesRefused(
            (f"{articles}: the articles of the cases are not there; name them with --articles",)
        )
    if articles.is_dir():
        # As ingest walks a folder: a README beside the articles is none of them.
        found = sorted(
            path
            for path in articles.iterdir()
            if path.suffix.lower() in _ARTICLE_SUFFIXES and path.stem.lower() != "readme"
        )
    else:
        found = [articles]
    if not found:
        raise CasesRefused((f"{articles}: holds no article",))
    return tuple((path.name, path.read_bytes()) for path in found)


def sources(world: World) -> dict[str, Source]:
    """The world's articles by id, cleaned as ingest cleans them.

    Raises:
        CasesRefused: An article file that ingest would refuse.
    """
    found: dict[str, Source] = {}
    problems = []
    for name, content in world.files:
        for item in loader_for(Path(name).suffix.lower())(name, content):
            if isinstance(item, Refusal):
                problems.append(f"{item.where}: {item.reason}")
            else:
                found[item.id] = Source(item.id, item.title, item.text, item.language)
    if problems:
        raise CasesRefused(tuple(problems))
    return found


def select(
    cases: Iterable[Case],
    *,
    part: str = "all",
    types: Iterable[str] = (),
    ids: Iterable[str] = (),
    limit: int = 0,
) -> tuple[Case, ...]:
    """The cases asked for, in the file's order.

    Args:
        part: "tuned" leaves the holdout out, "holdout" takes only it, "all" takes both.
        limit: At most that many, spread evenly over the file so that every kind has its share; 0 for all.
    """
    wanted_types, wanted_ids = set(types), set(ids)
    kept = [
        case
        for case in cases
        if (part == "all" or case.holdout == (part == "holdout"))
        and (not wanted_types or case.type in wanted_types)
        and (not wanted_ids or case.id in wanted_ids)
    ]
    if 0 < limit < len(kept):
        kept = [kept[index * len(kept) // limit] for index in range(limit)]
    return tuple(kept)
