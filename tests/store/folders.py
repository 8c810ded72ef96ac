"""Folders of articles for tests of the store."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NEWS: dict[str, dict[str, Any]] = {
    "harbour": {
        "title": "Harbour",
        "text": "A ship reached the port. The ship was late.",
        "published": "2020-01-05",
    },
    "money": {"title": "Money", "text": "The bank raised its rate on Monday.", "published": "2020-02-05"},
    "weather": {"title": "Weather", "text": "Heavy rain fell while the ship left.", "published": None},
}


def write_articles(folder: Path, articles: Mapping[str, Mapping[str, Any]], name: str = "news.jsonl") -> Path:
    """One .jsonl file with these articles; their keys are their ids."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": one, **fields}) for one, fields in articles.items()]
    file = folder / name
    file.write_text("\n".join(lines) + "\n")
    return file
