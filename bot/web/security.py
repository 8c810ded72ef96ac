"""The wall in front of every route: known hosts, our own origin, bounded bodies, a strict content policy.

Pure ASGI, so that a refused request costs nothing and a stream is never buffered.
"""

import json
import logging
import re
import secrets
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.limits import WebLimits

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Gradio serves far more than the page needs: file, upload and proxy routes, login, queue. Only these go through.
_GRADIO_ALLOWED = re.compile(
    r"/(?:$|config$|theme\.css$|assets/[\w.+-]+$|static/(?:js|fonts|img|css)/[\w./-]+$)"
)
_OURS = re.compile(
    r"/(?:api/|v1/|ui/|answers/|healthz$|readyz$|login$|logout$|openapi\.json$|docs$|favicon\.ico$|manifest\.json$)"
)
_log = logging.getLogger("citewire.web")


def _hostname(host: str) -> str:
    """Host name of a Host header, lower case, without port and brackets; "" when it cannot be one."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def content_policy(nonce: str) -> str:
    """Scripts run by nonce or from our own files; nothing can be loaded from or sent to anyone else.

    Gradio sets styles inline, hence 'unsafe-inline' for them alone; `base-uri 'self'` since its page has a base.
    """
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; media-src 'none'; frame-src 'none'; "
        "worker-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Wall:
    """ASGI middleware; see the module's first line.

    Args:
        allowed_hosts: Host names that may be asked for besides the loopback ones; "*" is not a wildcard.
        root_path: Prefix under which a proxy serves us, such as "/chat"; "" without one.
    """

    def __init__(
        self, app: ASGIApp, *, allowed_hosts: Iterable[str], limits: WebLimits, root_path: str = ""
    ) -> None:
        self._app = app
        self._named = frozenset(_hostname(host) or host.lower() for host in allowed_hosts)
        self._hosts = self._named | frozenset(LOOPBACK_HOSTS)
        self._limits = limits
        self._root = root_path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing of ours speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # uvicorn has read these of the proxies it was told to trust; Gradio would believe anybody's.
        kept = [
            (k, v) for k, v in scope["headers"] if not k.startswith(b"x-forwarded-") and k != b"forwarded"
        ]
        scope = {**scope, "headers": kept, "root_path": self._root or scope.get("root_path", "")}
        headers = Headers(scope=scope)
        path = self._own_path(scope["path"])
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        guarded = _with_headers(send, nonce)
        refusal = self._refusal(scope["method"], path, headers)
        if refusal is not None:
            status, message = refusal
            _log.info("refused %s with %d", scope["method"], status)
            await _refuse(guarded, status, message)
            return
        limit = self._body_limit(path)
        await self._app(scope, _bounded(receive, limit), guarded)

    def _own_path(self, path: str) -> str:
        return (path[len(self._root) :] or "/") if self._root and path.startswith(self._root + "/") else path

    def _body_limit(self, path: str) -> int:
        return self._limits.upload_bytes if path == "/api/articles" else self._limits.json_bytes

    def _refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return 400, "This server does not answer to that host name. Add it with --allowed-host."
        if method not in _SAFE_METHODS and not self._same_origin(headers, host):
            return 403, "Requests from other sites are refused."
        if not (_OURS.match(path) or (method in ("GET", "HEAD") and _GRADIO_ALLOWED.match(path))):
            return 404, "There is nothing at this address."
        if ".." in path or "\\" in path or "\0" in path:
            return 404, "There is nothing at this address."
        length = headers.get("content-length", "0")
        if not length.isdigit():
            return 400, "The Content-Length header is not a number."
        if int(length) > self._body_limit(path):
            return 413, self._too_large(path)
        return None

    def _too_large(self, path: str) -> str:
        if path == "/api/articles":
            return f"An upload may have {self._limits.upload_bytes:,} bytes. Add the files in smaller groups."
        return f"The question limit is {self._limits.question_chars:,} characters."

    def _same_origin(self, headers: Headers, host: str) -> bool:
        """True without an Origin (curl, an API client), for ours, and for a host the user named (a proxy's)."""
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        if origin is None:
            return True
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        return parts.netloc.lower() == host.lower() or (parts.hostname or "") in self._named


def _bounded(receive: Receive, limit: int) -> Receive:
    """Counts what really arrives: a chunked body has no Content-Length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > limit:
                # Ends the request as a lost connection does; no route has acted on a half body.
                return {"type": "http.disconnect"}
        return message

    return counted


def _with_headers(send: Send, nonce: str) -> Send:
    fixed = [
        (b"content-security-policy", content_policy(nonce).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    ]
    names = {name for name, _ in fixed}

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(k, v) for k, v in message.get("headers", []) if k.lower() not in names]
            message = {**message, "headers": [*kept, *fixed]}
        await send(message)

    return guarded


async def _refuse(send: Send, status: int, message: str) -> None:
    body = json.dumps(
        {"error": {"type": HTTPStatus(status).phrase, "message": message, "exit_code": 65}}
    ).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                # An unread body must not be taken for the next request of the connection.
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
