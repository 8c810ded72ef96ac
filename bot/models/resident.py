"""A loaded model that waits for the next command: its process stays for a while, and lends itself to one program at a time.

The one that started a model's process holds its pipes. When they close, the process listens at a socket in a folder that
only its user can enter, lends its port to whoever asks for just that model with just those settings, and ends when nobody
has for a while, or when somebody asks for another: there is never more than one that waits.
"""

import contextlib
import json
import os
import select
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATIENCE_S = 2.0
"""For a reply of a process that has nothing else to do; one that is lent replies as fast that it is."""
_LONGEST_PATH = 100
"""Bytes; the system cuts the path of a socket at 108."""


def socket_path() -> Path | None:
    """Where a waiting model is asked; None where there can be none.

    The folder belongs to this user and nobody else can enter it: whoever could would be lent the model's port and key.
    """
    if not hasattr(socket, "AF_UNIX") or not hasattr(os, "getuid"):
        return None
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = Path(base) / f"citewire-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    path = folder / "model.sock"
    ours = found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000
    return path if ours and len(os.fsencode(path)) <= _LONGEST_PATH else None


@dataclass(frozen=True, slots=True)
class Lent:
    """A waiting model that is ours until we hang up."""

    port: int
    api_key: str = field(repr=False)
    _connection: socket.socket = field(repr=False)

    def alive(self) -> bool:
        """Whether its process is still there: it never writes again, so that whatever can be read is its end."""
        return not select.select([self._connection], [], [], 0)[0]

    def stop(self) -> None:
        """Gives it back."""
        self._connection.close()


def borrow(wanted: Mapping[str, Any]) -> Lent | None:
    """The waiting model, when it is just the one that is wanted and nobody has it; one that is another ends.

    Args:
        wanted: All settings of the model but its key; {} fits none.
    """
    path = socket_path()
    if path is None or not path.exists():
        return None
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_PATIENCE_S)
        connection.connect(str(path))
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        with connection.makefile("rb") as replies:
            said = json.loads(replies.readline() or b"{}")
    except (OSError, ValueError):
        connection.close()
        return None
    if "port" not in said:
        connection.close()
        return None
    return Lent(int(said["port"]), str(said["api_key"]), connection)


def is_waiting() -> bool:
    """Whether a model is loaded for the next program, or lent to one; asks it nothing."""
    path = socket_path()
    lock = path.with_suffix(".lock") if path else None
    if lock is None or not lock.exists():
        return False
    import fcntl  # where there is no such socket there may be no such module

    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def unload() -> bool:
    """Ends the waiting model; whether there was one. One that is lent stays."""
    path = socket_path()
    if path is None or not path.exists():
        return False
    connection = socket.socket(socket.AF_UNIX)
    with contextlib.closing(connection):
        try:
            connection.settimeout(_PATIENCE_S)
            connection.connect(str(path))
            connection.sendall(b"{}\n")
            return connection.recv(1) == b""
        except OSError:
            return False


def wait_and_lend(settings: Mapping[str, Any], port: int, keep_s: float) -> None:
    """Called in the model's process when the program that started it has gone: returns when the process should end."""
    path = socket_path()
    if path is None:
        return
    with _only_one(path) as alone:
        if not alone:
            return
        listener = socket.socket(socket.AF_UNIX)
        with contextlib.closing(listener), contextlib.suppress(OSError):
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            listener.bind(str(fresh))
            listener.listen(8)
            fresh.replace(path)  # whoever finds it is answered
            try:
                _lend(listener, settings, port, keep_s)
            finally:
                path.unlink(missing_ok=True)


def _lend(listener: socket.socket, settings: Mapping[str, Any], port: int, keep_s: float) -> None:
    wanted = {name: value for name, value in settings.items() if name != "api_key"}
    while select.select([listener], [], [], keep_s)[0]:
        borrower, _ = listener.accept()
        with contextlib.closing(borrower):
            if _asked(borrower) != wanted:
                return
            with contextlib.suppress(OSError):  # it may have gone already
                borrower.sendall(json.dumps({"port": port, "api_key": settings["api_key"]}).encode() + b"\n")
            _until_given_back(borrower, listener)


def _asked(borrower: socket.socket) -> Any:
    borrower.settimeout(_PATIENCE_S)
    try:
        with borrower.makefile("rb") as lines:
            return json.loads(lines.readline(65536) or b"null")
    except (OSError, ValueError):
        return None


def _until_given_back(borrower: socket.socket, listener: socket.socket) -> None:
    """Whoever else asks meanwhile is told at once that it is lent."""
    while True:
        ready, _, _ = select.select([borrower, listener], [], [])
        if borrower in ready:  # first: who comes right after it is the next one
            return
        other, _ = listener.accept()
        with contextlib.closing(other), contextlib.suppress(OSError):
            other.sendall(b'{"lent": true}\n')


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[bool]:
    """Whether no other model of this user waits; the lock goes with the process, however that ends."""
    import fcntl

    with path.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
