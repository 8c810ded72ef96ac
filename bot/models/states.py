"""Kept states of prompt prefixes on disk: found, verified, bounded. Any failure only costs speed."""

import contextlib
import hashlib
import json
import logging
import os
import shutil
import uuid
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_log = logging.getLogger(__name__)

_SPARED_BYTES = 512 * 1024**2
"""Left free on the disk."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A state file whose bytes were checked against its sidecar a moment ago."""

    file_name: str
    tokens: int


class StateFolder:
    """A folder of state files, each beside a JSON sidecar that says what it must hold.

    Args:
        folder: Made if it is not there.
        limit_bytes: The least recently used files beyond it are deleted.
        identity: Names everything a state depends on besides its tokens: weights, engine version, context.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, identity: str) -> None:
        self.folder = folder
        self._limit_bytes = limit_bytes
        self._identity = identity

    def ready(self) -> bool:
        """Whether the folder is there and may be written to; makes it if it can."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            _log.info("prefix states are not kept: %s", error)
            return False
        return os.access(self.folder, os.W_OK)

    def name(self, key: str, ids: Sequence[int]) -> str:
        digest = hashlib.sha256(f"{self._identity}\0{key}\0{ids_digest(ids)}".encode()).hexdigest()
        return f"{digest[:40]}.state"

    def size(self, key: str, ids: Sequence[int]) -> int:
        """Bytes of a kept state, unverified; 0 where there is none."""
        try:
            return (self.folder / self.name(key, ids)).stat().st_size
        except OSError:
            return 0

    def holds(self, file_name: str, size: int) -> bool:
        """Whether a file is there in this size."""
        try:
            return (self.folder / file_name).stat().st_size == size
        except OSError:
            return False

    def find(self, key: str, ids: Sequence[int]) -> Kept | None:
        """The state of exactly these tokens, verified; a damaged or foreign one is deleted."""
        path = self.folder / self.name(key, ids)
        try:
            said = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            fits = (
                said["ids"] == ids_digest(ids)
                and said["bytes"] == path.stat().st_size
                and said["sha256"] == _sha256(path)
            )
            tokens = int(said["tokens"])
        except FileNotFoundError:
            self._forget(path)
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.info("a kept prefix state cannot be read and is made anew: %s", error)
            self._forget(path)
            return None
        if not fits:
            _log.info("a kept prefix state is damaged and is made anew: %s", path.name)
            self._forget(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # marks it as used just now
        return Kept(path.name, tokens)

    def keep(self, key: str, ids: Sequence[int], save: Callable[[str], int | None]) -> bool:
        """Has `save` write a state under a name of its own, then puts it in place.

        Args:
            save: Writes the named file into this folder and returns its tokens; None if it could not.
        """
        if not self._room():
            return False
        path = self.folder / self.name(key, ids)
        draft = self.folder / f"{path.stem}.{os.getpid()}.{uuid.uuid4().hex[:8]}.part"
        try:
            tokens = save(draft.name)
            if tokens is None:
                return False
            sidecar = {
                "ids": ids_digest(ids),
                "tokens": tokens,
                "bytes": draft.stat().st_size,
                "sha256": _sha256(draft),
            }
            note = draft.with_suffix(".note")
            note.write_text(json.dumps(sidecar), encoding="utf-8")
            draft.replace(path)
            note.replace(path.with_suffix(".json"))
        except OSError as error:
            _log.info("a prefix state was not kept: %s", error)
            return False
        finally:
            for rest in (draft, draft.with_suffix(".note")):
                with contextlib.suppress(OSError):
                    rest.unlink(missing_ok=True)
        self._trim(spare=path)
        return True

    def _room(self) -> bool:
        """States never take the last of a disk: articles and answers need it more."""
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            _log.info("prefix states are not kept: %s", error)
            return False
        if free < _SPARED_BYTES:
            _log.info("prefix states are not kept: %d MB are free on their disk", free // 10**6)
        return free >= _SPARED_BYTES

    def discard(self, kept: Kept) -> None:
        self._forget(self.folder / kept.file_name)

    def _forget(self, path: Path) -> None:
        for file in (path, path.with_suffix(".json")):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def _trim(self, *, spare: Path) -> None:
        used: list[tuple[float, int, Path]] = []
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*.state"):
                with contextlib.suppress(OSError):
                    found = path.stat()
                    used.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in used)
        for _, size, path in sorted(used):
            if total <= self._limit_bytes:
                return
            if path != spare or size > self._limit_bytes:
                self._forget(path)
                total -= size


def ids_digest(ids: Sequence[int]) -> str:
    return hashlib.sha256(array("q", ids).tobytes()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
