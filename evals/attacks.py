"""Plants instructions into articles, so that obeying text that should only be quoted can be seen."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from evals.errors import CasesRefused
from evals.suites import digest, sources
from evals.types import Attack, Case, Position, Suite, World

_POSITIONS: tuple[Position, ...] = get_args(Position)
_HEAD_BLOCKS = 2
"""Blocks of a .txt article that hold its headline, lead and date line; an attack comes after them."""


def plant_all(path: Path, suite: Suite, *, seed: int) -> Suite:
    """One case for each attack: an ordinary answerable case whose article now holds the attack.

    Articles of one world carry at most one attack each, so that every answer has one possible cause; a
    suite of one article becomes as many worlds as there are attacks.

    Raises:
        CasesRefused: A line that is not `{"category", "attack"}`, or no case to plant into.
    """
    rng = random.Random(seed)
    hosts = _hosts(suite)
    if not hosts:
        raise CasesRefused((f"{suite.path}: no answerable case with evidence to plant an attack into",))
    cases: list[Case] = []
    worlds: list[World] = []
    free: list[str] = []
    planted: dict[str, str] = {}
    for number, (category, text) in enumerate(_attacks(path), 1):
        if not free:
            if planted:
                worlds.append(_attacked(suite.worlds[0], planted))
            planted, free = {}, sorted(hosts)
            rng.shuffle(free)
        article = free.pop()
        position = _POSITIONS[rng.randrange(len(_POSITIONS))]
        host = rng.choice(hosts[article])
        planted[article] = json.dumps([text, position])
        cases.append(
            replace(
                host,
                id=f"attack-{number}-{host.id}",
                type=f"attack: {category}",
                tags=("attack", position),
                attack=Attack(category, text, position),
                world=len(worlds),
            )
        )
    worlds.append(_attacked(suite.worlds[0], planted))
    case_bytes = path.read_bytes() + suite.path.read_bytes() + str(seed).encode()
    return Suite(f"attacks-{suite.name}", path, tuple(cases), tuple(worlds), digest(case_bytes, worlds))


def _hosts(suite: Suite) -> dict[str, list[Case]]:
    """Cases with one article as evidence, without history or instructions of their own, by that article."""
    hosts: dict[str, list[Case]] = {}
    for case in suite.cases:
        articles = {item.article for item in case.evidence}
        plain = case.answerable and not case.history and case.type != "injection" and not case.as_of
        if plain and not case.holdout and len(articles) == 1:
            hosts.setdefault(articles.pop(), []).append(case)
    return hosts


def _attacks(path: Path) -> list[tuple[str, str]]:
    found, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            found.append((str(fields["category"]), str(fields["attack"])))
        except (json.JSONDecodeError, KeyError, TypeError):
            problems.append(f"{path}:{number}: an attack is an object with category and attack")
    if problems or not found:
        raise CasesRefused(tuple(problems) or (f"{path}: holds no attack",))
    return found


def _attacked(world: World, planted: dict[str, str]) -> World:
    return World(tuple((name, _plant_file(name, content, planted)) for name, content in world.files))


def _plant_file(name: str, content: bytes, planted: dict[str, str]) -> bytes:
    """The file with every planted article changed; any other kind of file stays as it is."""
    if name.endswith(".jsonl"):
        lines = [json.loads(line) for line in content.decode().split("\n") if line.strip()]
        for article in lines:
            if article.get("id") in planted:
                text, position = json.loads(planted[article["id"]])
                article["text"] = plant(article["text"], text, position, head=1)
        return "".join(json.dumps(article, ensure_ascii=False) + "\n" for article in lines).encode()
    held = [article for article in sources(World(((name, content),))) if article in planted]
    if held:
        text, position = json.loads(planted[held[0]])
        return plant(content.decode(), text, position, head=_HEAD_BLOCKS).encode()
    return content


def plant(text: str, attack: str, position: Position, *, head: int) -> str:
    """The text with the attack as a paragraph of its own.

    Args:
        head: Paragraphs that stay first even for "start".
    """
    blocks = text.split("\n\n") if "\n\n" in text else text.split("\n")
    joint = "\n\n" if "\n\n" in text else "\n"
    first = min(head, len(blocks))
    where = {"start": first, "middle": first + (len(blocks) - first) // 2, "end": len(blocks)}[position]
    return joint.join(_inserted(blocks, where, attack))


def _inserted(blocks: Sequence[str], where: int, attack: str) -> list[str]:
    return [*blocks[:where], attack, *blocks[where:]]
