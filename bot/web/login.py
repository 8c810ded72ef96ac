"""Who may come in: a password file, sessions in memory, and growing patience with wrong guesses.

A password file has one user a line, `name:scrypt$salt$hash`; `python -m bot.web.login NAME` writes such a line.
"""

import base64
import binascii
import getpass
import hashlib
import hmac
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web.limits import WebLimits
from store.errors import ConfigError

COOKIE = "citewire_session"
_OPEN_PATHS = frozenset({"/healthz", "/readyz", "/login", "/favicon.ico"})


def hash_password(password: str, salt: bytes | None = None) -> str:
    """`scrypt$salt$hash`, both in hexadecimal; 16 MB and about 50 ms a guess."""
    salt = salt if salt is not None else secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
    return f"scrypt${salt.hex()}${digest.hex()}"


def read_users(path: Path) -> dict[str, str]:
    """User name to password hash.

    Raises:
        ConfigError: The file cannot be read, is empty, or a line is not `name:scrypt$salt$hash`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The password file {path} cannot be read: {error}.") from error
    users: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, secret = line.partition(":")
        parts = secret.strip().split("$")
        if not name.strip() or len(parts) != 3 or parts[0] != "scrypt" or not all(parts[1:]):
            raise ConfigError(
                f"{path}:{number} is not `name:scrypt$salt$hash`. Write it with: python -m bot.web.login NAME"
            )
        users[name.strip()] = secret.strip()
    if not users:
        raise ConfigError(f"{path} names no user. Add one with: python -m bot.web.login NAME >> {path}")
    return users


class Doorman:
    """Checks passwords, remembers sessions, and makes guessing slow.

    Args:
        users: User name to password hash; empty lets everyone in as "local".
        now: Seconds that only grow.
    """

    def __init__(
        self, users: Mapping[str, str], limits: WebLimits, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._users = dict(users)
        self._limits = limits
        self._now = now
        self._sessions: dict[str, tuple[str, float]] = {}
        self._wrong: dict[str, tuple[int, float]] = {}
        self._nobody = hash_password(secrets.token_hex(8))

    @property
    def guards(self) -> bool:
        return bool(self._users)

    def wait_s(self, address: str) -> float:
        """Seconds until this address may guess again; 0 when it may now."""
        _, until = self._wrong.get(address, (0, 0.0))
        return max(0.0, until - self._now())

    def check(self, name: str, password: str, address: str) -> bool:
        """Compares in constant time; an unknown name costs as much as a known one."""
        stored = self._users.get(name, self._nobody)
        salt = bytes.fromhex(stored.split("$")[1])
        right = hmac.compare_digest(hash_password(password, salt).encode(), stored.encode())
        if right and name in self._users:
            self._wrong.pop(address, None)
            return True
        count = self._wrong.get(address, (0, 0.0))[0] + 1
        over = count - self._limits.free_logins
        wait = min(self._limits.login_wait_s * 2**over, self._limits.login_wait_max_s) if over >= 0 else 0.0
        if len(self._wrong) > 10_000:  # many addresses guessing must not fill the memory
            self._wrong.clear()
        self._wrong[address] = (count, self._now() + wait)
        return False

    def open_session(self, name: str) -> str:
        now = self._now()
        self._sessions = {k: v for k, v in self._sessions.items() if v[1] > now}
        token = secrets.token_urlsafe(32)
        self._sessions[token] = (name, now + self._limits.login_hours * 3600)
        return token

    def close_session(self, token: str) -> None:
        self._sessions.pop(token, None)

    def user_of(self, token: str) -> str | None:
        name, until = self._sessions.get(token, ("", 0.0))
        return name if until > self._now() else None


class LoginGate:
    """ASGI middleware: sets `request.state.user`, or sends the visitor to the login page."""

    def __init__(self, app: ASGIApp, *, doorman: Doorman) -> None:
        self._app = app
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        root = scope.get("root_path", "")
        path = scope["path"].removeprefix(root) or "/"
        user = "local" if not self._doorman.guards else await self._user(headers, _address(scope))
        if user is None and path not in _OPEN_PATHS and path != "/ui/app.css":
            response: Response
            if "text/html" in headers.get("accept", "") and scope["method"] == "GET":
                response = RedirectResponse(f"{root}/login?next={quote(path)}", 303)
            else:
                error = {"type": "LoginNeeded", "message": "Log in first.", "exit_code": 78}
                response = JSONResponse({"error": error}, 401)
            await response(scope, receive, send)
            return
        scope.setdefault("state", {})["user"] = user or ""
        await self._app(scope, receive, send)

    async def _user(self, headers: Headers, address: str) -> str | None:
        token = session_token(headers)
        if token and (name := self._doorman.user_of(token)):
            return name
        name, password = _credentials(headers.get("authorization", ""))
        if not name or self._doorman.wait_s(address) > 0:
            return None
        right = await run_in_threadpool(self._doorman.check, name, password, address)
        return name if right else None


def session_token(headers: Headers) -> str:
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookie[COOKIE].value if COOKIE in cookie else ""


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "?"


def _credentials(header: str) -> tuple[str, str]:
    """Name and password of an API client: HTTP Basic, or a Bearer key of the form `name:password`."""
    kind, _, value = header.partition(" ")
    if kind.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
    elif kind.lower() != "bearer":
        return "", ""
    name, _, password = value.strip().partition(":")
    return name, password


def safe_next(value: str) -> str:
    """A path of ours to go on to; anything else becomes the first page."""
    return value if value.startswith("/") and not value.startswith(("//", "/\\")) else "/"


async def login_form(request: Request, message: str = "", status: int = 200) -> HTMLResponse:
    """The login page: no script, no outside file."""
    from html import escape

    root = request.scope.get("root_path", "")
    going = escape(safe_next(request.query_params.get("next", "/")), quote=True)
    note = f'<p class="notice" role="alert">{escape(message)}</p>' if message else ""
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Log in – citewire</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{escape(root, quote=True)}/ui/app.css"></head>
<body class="login-page"><main class="login-card"><h1>citewire</h1>{note}
<form method="post" action="{escape(root, quote=True)}/login?next={going}">
<label>Name <input name="name" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button class="primary">Log in</button></form></main></body></html>""",
        status,
    )


async def log_in(request: Request, doorman: Doorman) -> Response:
    address = _address(request.scope)
    wait = doorman.wait_s(address)
    if wait > 0:
        message = f"Too many wrong passwords. Try again in {int(wait) + 1} seconds."
        response: Response = await login_form(request, message, 429)
        response.headers["Retry-After"] = str(int(wait) + 1)
        return response
    form = await request.form()
    name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))[:1000]
    if not await run_in_threadpool(doorman.check, name, password, address):
        return await login_form(request, "Name or password is wrong.", 401)
    root = request.scope.get("root_path", "")
    response = RedirectResponse(root + safe_next(request.query_params.get("next", "/")), 303)
    response.set_cookie(
        COOKIE,
        doorman.open_session(name),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
        path=root or "/",
        max_age=None,
    )
    return response


def main() -> None:
    """Writes a line for the password file; the password is asked for twice and never shown."""
    if len(sys.argv) != 2 or ":" in sys.argv[1]:
        sys.exit("usage: python -m bot.web.login NAME >> passwords")
    first = getpass.getpass("Password: ")
    if len(first) < 8 or first != getpass.getpass("Again: "):
        sys.exit("The two do not agree, or are shorter than 8 characters.")
    sys.stdout.write(f"{sys.argv[1]}:{hash_password(first)}\n")


if __name__ == "__main__":
    main()
