"""Prompt files: declared variables are the used ones, released versions never change."""

import pytest

from bot.prompts import load, names, parse, versions_of
from store.errors import ConfigError

ALL = [(name, version) for name in names() for version in versions_of(name)]


@pytest.mark.parametrize(("name", "version"), ALL)
def test_every_version_renders(name: str, version: str) -> None:
    prompt = load(name, version)
    values = {variable: f"<{variable}>" for variable in prompt.variables}
    rendered = prompt.render(**values)
    assert prompt.description
    assert all(value in rendered for value in values.values())


def test_newest_version_is_the_default() -> None:
    assert load("draft").version == versions_of("draft")[-1]


def test_braces_and_dollars_in_values_stay() -> None:
    prompt = parse("p", "v1", "---\ndescription: d\nvariables: article\n---\nRead: $article {x}\n")
    assert prompt.render(article="{y} $z ${z}") == "Read: {y} $z ${z} {x}\n"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("no header", "no header"),
        ("---\nvariables: a, b\n---\n$a", r"declares \['a', 'b'\] and uses \['a'\]"),
        ("---\nvariables: a\n---\n$a $b", r"declares \['a'\] and uses \['a', 'b'\]"),
    ],
)
def test_faulty_prompt_is_refused_at_load(raw: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse("p", "v1", raw)


def test_missing_value_is_refused() -> None:
    prompt = parse("p", "v1", "---\nvariables: a\n---\n$a\n")
    with pytest.raises(ConfigError, match="takes a; not b"):
        prompt.render(b="x")


def test_unknown_prompt_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="draft"):
        load("nonsense")
    with pytest.raises(ConfigError, match="v99"):
        load("draft", "v99")
