"""Calls to the embedded llama.cpp server on loopback, each on a connection that can be hung up at once."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.errors import ModelUnavailable, QuestionRefused


@dataclass(eq=False)
class Call:
    """One request; `hang_up` from any thread ends it, and the server then stops the model."""

    port: int
    api_key: str = field(repr=False)
    _socket: socket.socket | None = field(default=None, repr=False)
    _over: bool = False

    def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float = 600) -> dict[str, Any]:
        """Sends one request and returns the reply's JSON object."""
        with contextlib.closing(self._connect(timeout_s)) as connection:
            return _object(self._send(connection, path, body).read())

    def look(self, path: str, *, timeout_s: float = 60) -> None:
        """Asks for a page of the server and waits until it has replied."""
        with contextlib.closing(self._connect(timeout_s)) as connection:
            self._send(connection, path, None).read()

    def stream(
        self, path: str, body: Mapping[str, Any], *, timeout_s: float = 600
    ) -> Iterator[dict[str, Any]]:
        """Sends one request and yields the objects of its event stream."""
        with (
            contextlib.closing(self._connect(timeout_s)) as connection,
            # The reply owns the socket; left open, the server goes on writing into it.
            contextlib.closing(self._send(connection, path, body)) as response,
        ):
            for line in response:
                if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                    yield _object(line[6:])
                elif line.startswith(b"error: "):
                    raise ModelUnavailable(
                        f"The embedded model failed: {line[7:300].decode(errors='replace')}"
                    )

    def hang_up(self) -> None:
        self._over = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.connect()
        except OSError as error:
            raise ModelUnavailable(f"The embedded model's server has gone: {error}. Start again.") from error
        self._socket = connection.sock
        if self._over:
            self.hang_up()
        return connection

    def _send(
        self, connection: http.client.HTTPConnection, path: str, body: Mapping[str, Any] | None
    ) -> http.client.HTTPResponse:
        try:
            connection.request(
                "GET" if body is None else "POST",
                path,
                None if body is None else json.dumps(body).encode(),
                {
                    "Content-Type": "application/json",
                    "Authorization": f"Bearer {self.api_key}",
                    "Connection": "close",
                },
            )
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise ModelUnavailable(f"The embedded model did not reply: {error!r}. Ask again.") from error
        if response.status != 200:
            raise _refused(response.status, response.read())
        return response


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise ModelUnavailable(
            f"The embedded model's server replied with {raw[:80]!r}. Ask again."
        ) from error
    if not isinstance(found, dict):
        raise ModelUnavailable(f"The embedded model's server replied with {raw[:80]!r}. Ask again.")
    return found


def _refused(status: int, raw: bytes) -> QuestionRefused | ModelUnavailable:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        error = json.loads(raw)["error"]
        if error.get("type") == "exceed_context_size_error":
            return QuestionRefused(
                f"The prompt has {error['n_prompt_tokens']} tokens and the model reads {error['n_ctx']}."
                " Ask less at once."
            )
        return ModelUnavailable(f"The embedded model refused ({status}): {str(error['message'])[:200]}")
    return ModelUnavailable(f"The embedded model refused ({status}): {raw[:200].decode(errors='replace')}")
