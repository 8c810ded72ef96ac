"""What the user chose, read once: options, then CITEWIRE_* variables, then config.toml, then defaults."""

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from store.errors import ConfigError
from store.places import default_path

_PREFIX = "CITEWIRE_"
_ELSEWHERE = {"CITEWIRE_CONFIG", "CITEWIRE_WEIGHTS", "CITEWIRE_HUB", "CITEWIRE_DEBUG"}
"""Variables with our prefix that are read by their own modules."""


class Settings(BaseSettings):
    """Validated settings; use `load`, which also reads the file and speaks plainly about mistakes.

    Attributes:
        library: Folder of articles, index, kept states and answer records.
        model: "auto", or "backend:name".
        embedder: "onnx:all-MiniLM-L6-v2", "ollama:NAME" or "openai:NAME".
        base_url: Server of "ollama:" and "openai:" models.
        context_tokens: Largest prompt plus answer.
        threads: Of the embedded engine; 0 lets it choose.
        slots: Questions the embedded engine holds at once.
        states_bytes: Budget for kept prefix states.
        keep_loaded_s: `ask` and `chat` leave the embedded model loaded so long for the next of them.
        read_ahead_articles: So many new articles are read ahead by an ingest unasked; 0 for never.
        k: Passages retrieved for a question.
        most_articles: Articles read for one question at the most.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, validate_default=False
    )

    library: Path = Field(default_factory=default_path)
    model: str = Field("auto", min_length=1)
    embedder: str = Field("onnx:all-MiniLM-L6-v2", min_length=1)
    base_url: str | None = None
    api_key: SecretStr | None = None
    context_tokens: int = Field(4096, ge=512, le=1_048_576)
    threads: int = Field(0, ge=0, le=1024)
    slots: int = Field(1, ge=1, le=64)
    states_bytes: int = Field(4 * 1024**3, ge=0)
    keep_loaded_s: int = Field(300, ge=0, le=86_400)
    read_ahead_articles: int = Field(8, ge=0)
    k: int = Field(10, ge=1, le=100)
    most_articles: int = Field(3, ge=1, le=20)

    @field_validator("library")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    def shown(self) -> dict[str, Any]:
        """As `doctor` prints it; secrets stay masked."""
        return {name: value if isinstance(value, str | int | None) else str(value) for name, value in self}


def config_path() -> Path:
    """CITEWIRE_CONFIG, else config.toml in the user's configuration folder."""
    if given := os.environ.get("CITEWIRE_CONFIG"):
        return Path(given)
    import platformdirs

    return platformdirs.user_config_path("citewire") / "config.toml"


def load(**options: Any) -> Settings:
    """The settings in force; an option that is None was not given.

    Raises: ConfigError: Broken file, unknown key, or a value that cannot be; says where it was read.
    """
    given = {key: value for key, value in options.items() if value is not None}
    path = config_path()
    text = _read(path)
    from_file = _parse(text, path)
    in_environment = {
        key for key in Settings.model_fields if os.environ.get(f"{_PREFIX}{key.upper()}", "") != ""
    }
    # What the environment or an option decides is not taken from the file: pydantic puts keywords first.
    lowest = {key: value for key, value in from_file.items() if key not in in_environment}
    try:
        return Settings(**{**lowest, **given})
    except ValidationError as error:
        raise ConfigError(_explain(error, given, in_environment, path, text)) from error


def unknown_variables() -> tuple[str, ...]:
    """CITEWIRE_* variables that mean nothing, each with the nearest that does, for `doctor`."""
    known = {f"{_PREFIX}{key.upper()}" for key in Settings.model_fields} | _ELSEWHERE
    return tuple(
        f"{name}{_nearest(name, known)}"
        for name in sorted(os.environ)
        if name.startswith(_PREFIX) and name not in known
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        if os.environ.get("CITEWIRE_CONFIG"):
            raise ConfigError(f"CITEWIRE_CONFIG names {path}, which is not there.") from None
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error}. Mend or delete it.") from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration {path} is not valid TOML: {error}.") from error
    known = set(Settings.model_fields)
    for key in found:
        if key not in known:
            raise ConfigError(
                f"Unknown key {key!r} in {path}, line {_line_of(key, text)}{_nearest(key, known)}."
                f" Known keys: {', '.join(sorted(known))}."
            )
    return found


def _nearest(word: str, known: set[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _line_of(key: str, text: str) -> int:
    pattern = re.compile(rf"^\s*\[?\s*[\"']?{re.escape(key)}\b")
    return next((n for n, line in enumerate(text.splitlines(), start=1) if pattern.search(line)), 1)


def _explain(
    error: ValidationError, given: dict[str, Any], in_environment: set[str], path: Path, text: str
) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else "?"
    if key in given:
        where = f"The option --{key.replace('_', '-')}"
    elif key in in_environment:
        where = f"The variable {_PREFIX}{key.upper()}"
    else:
        where = f"The key {key!r} in {path}, line {_line_of(key, text)},"
    value = "" if key == "api_key" else f", not {first['input']!r}"
    reason = first["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{where} {reason}{value}."
