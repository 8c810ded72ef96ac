"""Events of a question as lines of JSON: the CLI's `--ndjson`, with the queue and the keep-alive of the web."""

import json
from collections.abc import Mapping
from typing import Any

from bot.web.asking import Alive, Failed, Glance, Queued, Told
from bot.wire import event_to_json


def told_to_json(told: Told) -> Mapping[str, Any]:
    if isinstance(told, Queued):
        return {"event": "queued", "ahead": told.ahead}
    if isinstance(told, Alive):
        return {"event": "alive"}
    if isinstance(told, Failed):
        return {"event": "error", "error": told.as_mapping()}
    if isinstance(told, Glance):
        return {**event_to_json(told.retrieved), "glance": True}
    return event_to_json(told)


def line_of(value: Mapping[str, Any]) -> str:
    """One line: JSON escapes every line break within."""
    return json.dumps(value, ensure_ascii=False) + "\n"
