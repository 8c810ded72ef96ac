"""A released prompt is never edited: each version is pinned by its hash, and each can be rendered."""

import hashlib
from importlib.resources import files

import pytest

from bot.prompts import load, names, versions_of

RELEASED = {
    "answers/v1": "614b3b4689e2e80dedd1008866b305867f21e69a3452f97856c509143b7e1b91",
    "answers/v2": "31cf15cc30a280f34343e5bef237818878d4f73e51a4db28b978aac5fa19f838",
    "answers_inside/v1": "1b3fbb5d59d81251bc4f47935a197ab6edafa7ff8b175a689a8f3416bbb510cb",
    "draft/v1": "fcfd7fa3a784c8973572b52860a896e70ccd49a0357de5a907f581abe2b9269f",
    "draft/v2": "79c3cd0f8a34fed4dab0ea866779f5b3cc9c1c701854299adb264425525b60a0",
    "draft/v3": "6c0f21d30c179f2f22a9622c47477f323971ab6e3c516d2976cc54a88b63ef57",
    "opening/v1": "8a9a9e1929f21e8a5884b61ca7849dbf5acc036f67966dec4391ece50eb035a1",
    "polarity/v1": "2fdf8a84623a4382c6e29e3939525ef36de45b19fd5b663865c63e259290052f",
    "read/v1": "8bc4ae61eee6a028bd6bbcb3fc3fafcf19534423778f080bf2cfade73fc00511",
    "read/v2": "38060e46fe21f20baee053f27c43ace759e6eb2cfece2668a5ba4ca5da7b0787",
    "rewrite/v1": "99ffb05dc052bf21a9193688c9d61f06a5b895425a67c33652ed7d8187a29078",
    "stated/v1": "6454063d44ebd2da6bb18fc20444c07dfd58f7c2775102679cae12dae7af71d5",
    "stated_inside/v1": "3b461d803eafeac9f0ec7a851ca35d03d170b8276498fea6a5eda5c1244be01b",
    "tasks/v1": "646a55eabecb5b770a4549ac186677d9b62d9cd793145ed754457459fc9c97ff",
    "tasks/v2": "ba91c9d4045dc696f68a553c761bb206ab564ef48e9fed251cf6602dc2fde513",
    "tasks/v3": "792383efa14494420d89a83e948ea19e36c27ded60bd4fbb064b060983ea88b2",
    "truth/v1": "90cb5ab3afb8007a8136b7d0cecdf7386d2bded6fe482dcdce4f3fd1890d74c0",
}
"""Prompt and version to the SHA-256 of its file. A new version is added here; a line here is never changed."""


def _shipped() -> dict[str, str]:
    return {
        f"{name}/{version}": load(name, version).sha256 for name in names() for version in versions_of(name)
    }


def test_every_shipped_prompt_is_pinned_and_unchanged() -> None:
    assert _shipped() == RELEASED


@pytest.mark.parametrize("released", RELEASED)
def test_a_hash_is_of_the_whole_file(released: str) -> None:
    raw = (files("prompts") / f"{released}.md").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == RELEASED[released]


@pytest.mark.parametrize("released", RELEASED)
def test_every_version_renders_with_exactly_its_variables(released: str) -> None:
    prompt = load(*released.split("/"))
    hostile = {name: f"{{{name}}} $question ${{article}} %s {{0}} <{name}>" for name in prompt.variables}
    text = prompt.render(**hostile)
    assert prompt.description
    for value in hostile.values():
        assert value in text  # a value is never taken for a template


def test_versions_are_numbered_from_one_without_a_gap() -> None:
    for name in names():
        assert versions_of(name) == tuple(f"v{n}" for n in range(1, len(versions_of(name)) + 1))
