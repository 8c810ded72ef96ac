"""The child process of `apart`: reads bytes on standard input, writes one JSON object.

Run as `python -m store.loaders.child html` or `... pdf`.
"""

import importlib
import json
import sys
from collections.abc import Callable

from store.errors import InputRefused
from store.loaders.apart import CPU_S, MEMORY_BYTES, OUTPUT_BYTES

_PARSERS = {"html": "store.loaders.html:parse", "pdf": "store.loaders.pdf:parse"}


def main(kind: str) -> None:
    """Parses standard input as `kind`; every failure is written as {"refused": reason}."""
    _limit()
    module, _, function = _PARSERS[kind].partition(":")
    parse: Callable[[bytes], dict[str, object]] = getattr(importlib.import_module(module), function)
    try:
        found = parse(sys.stdin.buffer.read())
        reply = json.dumps(found)
        if len(reply) > OUTPUT_BYTES:
            found = {"refused": f"expands beyond {OUTPUT_BYTES // 1_000_000} MB of text"}
    except InputRefused as error:
        found = {"refused": str(error)}
    except MemoryError:
        found = {"refused": f"needs more than {MEMORY_BYTES // 1_000_000_000} GB of memory to read"}
    except RecursionError:
        found = {"refused": "nested too deeply to read"}
    except Exception as error:  # the parsers raise whatever a hostile file provokes; this process ends here
        found = {"refused": f"cannot be read as {kind.upper()} ({type(error).__name__})"}
    sys.stdout.write(json.dumps(found))


def _limit() -> None:
    """Caps what this process may use, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; the parent's timeout remains
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "darwin":  # macOS refuses to lower the address space
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main(sys.argv[1])
