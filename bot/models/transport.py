"""An httpx transport that can be hung up at once, follows no redirect, and refuses what is not the protocol."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from bot.errors import ModelUnavailable

_SHOWN = 80
"""Characters of an unexpected reply that an error quotes."""


@dataclass
class Line:
    """One conversation with a server; `hang_up` from any thread ends it.

    Attributes:
        final: The record that said "done", where the protocol has one.
    """

    final: dict[str, Any] | None = None
    over: threading.Event = field(default_factory=threading.Event)
    _socket: socket.socket | None = field(default=None, repr=False)

    def hang_up(self) -> None:
        self.over.set()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def connected(self, found: socket.socket | None) -> None:
        self._socket = found
        if self.over.is_set():
            self.hang_up()


class GuardedTransport(httpx.BaseTransport):
    """Sends requests of the thread's current line; `json_lines` checks streams of one JSON object a line."""

    def __init__(self, url: str, inner: httpx.BaseTransport | None = None) -> None:
        # No kept connections: a line that is hung up then never closes under another request.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._url = url
        self._inner = inner or httpx.HTTPTransport(trust_env=False, limits=limits)
        self._current = threading.local()

    @contextlib.contextmanager
    def line(self, line: Line) -> Iterator[Line]:
        """Requests of this thread belong to `line` inside the block."""
        self._current.line = line
        try:
            yield line
        finally:
            self._current.line = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        line: Line = getattr(self._current, "line", None) or Line()

        def trace(event: str, info: dict[str, Any]) -> None:
            # The socket must be known before the reply's first byte: a model may think for minutes.
            if event == "connection.connect_tcp.complete":
                line.connected(info["return_value"].get_extra_info("socket"))

        request.extensions = {**request.extensions, "trace": trace}
        response = self._inner.handle_request(request)
        if 300 <= response.status_code < 400:
            response.close()
            target = response.headers.get("location", "elsewhere")
            raise ModelUnavailable(
                f"{self._url} redirects to {target[:_SHOWN]}, which is not followed. Give the final URL instead."
            )
        if "ndjson" in response.headers.get("content-type", "") and response.status_code == 200:
            assert isinstance(response.stream, httpx.SyncByteStream)
            response.stream = _JsonLines(response.stream, line, self._url)
        return response

    def close(self) -> None:
        self._inner.close()


class _JsonLines(httpx.SyncByteStream):
    """Passes on whole lines that are JSON objects, skips blank ones, and remembers the final record."""

    def __init__(self, inner: httpx.SyncByteStream, line: Line, url: str) -> None:
        self._inner = inner
        self._line = line
        self._url = url

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for block in self._inner:
            *lines, rest = (rest + block).split(b"\n")
            for raw in lines:
                yield from self._check(raw)
        yield from self._check(rest)

    def close(self) -> None:
        self._inner.close()

    def _check(self, raw: bytes) -> Iterator[bytes]:
        if not raw.strip():
            return
        try:
            record = json.loads(raw)
        except ValueError as error:
            raise unexpected(self._url, raw) from error
        if not isinstance(record, dict):
            raise unexpected(self._url, raw)
        if record.get("done") is True:
            self._line.final = record
        yield raw + b"\n"


def unexpected(url: str, raw: bytes | str) -> ModelUnavailable:
    """The error for a reply that is not of the protocol, with its first printable characters."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else raw
    shown = "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
    return ModelUnavailable(f"Unexpected reply from {url}: {shown!r}. Is the right server at this address?")


def client_options(transport: GuardedTransport, *, connect_s: float, read_s: float) -> dict[str, Any]:
    """What every client of ours is made with: no proxies from the environment, no redirects, always a deadline."""
    return {
        "transport": transport,
        "trust_env": False,
        "follow_redirects": False,
        "timeout": httpx.Timeout(read_s, connect=connect_s),
    }
