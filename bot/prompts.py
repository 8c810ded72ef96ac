"""Versioned prompt files: `prompts/NAME/vN.md`, a header that declares the variables, then the text."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template

from store.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A released prompt; never edited, the next version is a new file.

    Attributes:
        version: "v1", "v2"...
        text: With `$name` placeholders for exactly the declared variables.
        sha256: Of the whole file.
    """

    name: str
    version: str
    description: str
    variables: tuple[str, ...]
    text: str
    sha256: str

    def render(self, **values: str) -> str:
        """Raises: ConfigError: A value is missing or not declared."""
        if set(values) != set(self.variables):
            raise ConfigError(
                f"Prompt {self.name} {self.version} takes {', '.join(self.variables)}; not {', '.join(values) or 'nothing'}"
            )
        return Template(self.text).substitute(values)


def names() -> tuple[str, ...]:
    """All prompts there are."""
    return tuple(
        sorted(p.name for p in files("prompts").iterdir() if p.is_dir() and not p.name.startswith("_"))
    )


def versions_of(name: str) -> tuple[str, ...]:
    """Versions of a prompt, oldest first; empty for an unknown name."""
    folder = files("prompts") / name
    if not folder.is_dir():
        return ()
    found = [p.name.removesuffix(".md") for p in folder.iterdir() if re.fullmatch(r"v\d+\.md", p.name)]
    return tuple(sorted(found, key=lambda v: int(v[1:])))


@cache
def load(name: str, version: str | None = None) -> PromptFile:
    """A prompt, the newest version of it unless one is named.

    Raises: ConfigError: No such prompt or version, or its header and text do not agree.
    """
    known = versions_of(name)
    if not known or (version is not None and version not in known):
        raise ConfigError(f"There is no prompt {name} {version or ''}. Known: {', '.join(known or names())}")
    chosen = version or known[-1]
    return parse(name, chosen, (files("prompts") / name / f"{chosen}.md").read_text("utf-8"))


def parse(name: str, version: str, raw: str) -> PromptFile:
    """Raises: ConfigError: No header, or the declared variables are not the ones the text uses."""
    pieces = re.split(r"^---\n", raw, maxsplit=2, flags=re.MULTILINE)
    if len(pieces) != 3 or pieces[0].strip():
        raise ConfigError(f"Prompt {name} {version} has no header between two lines of ---")
    header = dict(line.split(": ", 1) for line in pieces[1].splitlines() if ": " in line)
    declared = tuple(v.strip() for v in header.get("variables", "").split(",") if v.strip())
    used = set(Template(pieces[2]).get_identifiers())
    if used != set(declared):
        raise ConfigError(f"Prompt {name} {version} declares {sorted(declared)} and uses {sorted(used)}")
    digest = hashlib.sha256(raw.encode()).hexdigest()
    return PromptFile(
        name, version, header.get("description", ""), declared, pieces[2].strip() + "\n", digest
    )
