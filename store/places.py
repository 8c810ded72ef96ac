"""Where a library lies and the files it is known by; imports nothing heavy, so that a command can look before it loads."""

from pathlib import Path

from platformdirs import user_data_path

RECORD_FILE = "articles.db"
CARD_FILE = "library.json"
"""Says that a library was made here, so that a lost record is not taken for an empty one."""


def default_path() -> Path:
    """Where the library lies when the user names none."""
    return user_data_path("citewire") / "library"
