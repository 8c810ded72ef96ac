"""Drops environment variables that would send articles elsewhere or open doors, before any library reads them."""

import os
from collections.abc import MutableMapping

_PREFIXES = ("GRADIO_", "LANGSMITH_", "LANGCHAIN_", "OTEL_", "CHROMA_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FTP_PROXY")
_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",  # Gradio calls home unless told not to
    "ANONYMIZED_TELEMETRY": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",  # else a warning at each fork
}


def scrub(environ: MutableMapping[str, str] | None = None) -> tuple[str, ...]:
    """Removes tracing, telemetry and Gradio variables, and proxies while nothing is fetched.

    Proxies are taken away because they would capture calls to a model on this very machine; `proxies` keeps
    them for the one step that fetches weights.

    Returns: The names that were dropped, sorted, for `doctor`.
    """
    target = os.environ if environ is None else environ
    dropped = [name for name in target if _is_dropped(name)]
    for name in dropped:
        value = target.pop(name)
        if name.upper() in _PROXIES and target is os.environ:
            _KEPT[name] = value
    for name, value in _QUIET.items():
        target[name] = value
    return tuple(sorted(dropped))


_KEPT: dict[str, str] = {}


class proxies:  # noqa: N801 - used like a function: `with proxies():`
    """Gives the user's proxies back while weights are fetched, and takes them away again."""

    def __enter__(self) -> None:
        os.environ.update(_KEPT)

    def __exit__(self, *_: object) -> None:
        for name in _KEPT:
            os.environ.pop(name, None)


def _is_dropped(name: str) -> bool:
    upper = name.upper()
    return (upper.startswith(_PREFIXES) and upper not in _QUIET) or upper in _PROXIES
