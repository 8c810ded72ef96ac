"""What a run stood on: code, prompts, packages and machine, so that its numbers can be repeated."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("citewire", "xllamacpp", "ollama", "onnxruntime", "chromadb", "langchain-core", "numpy", "scipy")
_CODE = ("bot", "store")


def code_sha256() -> str:
    """Of everything that decides an answer but the prompts: sources and calibrations of bot and store."""
    return _digest(
        path
        for folder in _CODE
        for path in sorted((_ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".json", ".toml", ".gguf")
        and "web" not in path.parts
        and "cli" not in path.parts
    )


def prompt_hashes() -> dict[str, str]:
    """Each prompt's version to the start of its SHA-256."""
    return {
        f"{path.parent.name}/{path.stem}": _digest([path])[:16]
        for path in sorted((_ROOT / "prompts").glob("*/v*.md"))
    }


def _digest(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(f"{path.relative_to(_ROOT)}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def versions() -> dict[str, str]:
    """Installed versions of the packages that can change an answer or its time."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_state() -> Mapping[str, object]:
    """The commit of the working tree and whether files differ from it; nothing outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain"))} if commit else {}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> dict[str, object]:
    """Processor, cores and memory."""
    import psutil

    return {
        "system": platform.platform(terse=True),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n")
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
