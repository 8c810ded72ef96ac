"""Builds the web app: API, pages and wall in one FastAPI app, and serves it on loopback."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from bot.answers import AnswerRecords
from bot.errors import ModelBusy
from bot.web.conversations import Conversations
from bot.web.desk import Desk, error_words
from bot.web.limits import WebLimits
from bot.web.line import Line
from bot.web.login import Doorman, LoginGate, log_in, login_form, read_users, session_token
from bot.web.page import UI, build_blocks, build_theme, rewrite
from bot.web.routes import answers, ask, conversations, evals, health, library, models, openai
from bot.web.seam import SessionLike, Shelf, Shop
from bot.web.security import LOOPBACK_HOSTS, Wall
from bot.web.state import WebState
from store.errors import CitewireError, ConfigError

_log = logging.getLogger("citewire.web")


def create_app(
    session: SessionLike | Desk,
    *,
    folder: Path,
    shelf: Shelf | None = None,
    shop: Shop | None = None,
    users: dict[str, str] | None = None,
    allowed_hosts: Iterable[str] = (),
    root_path: str = "",
    limits: WebLimits | None = None,
    runs: Sequence[Path] = (),
    page: Callable[[FastAPI, str], None] | None = None,
) -> FastAPI:
    """The whole app; nothing listens yet.

    Args:
        session: An open session, or a desk that opens one.
        folder: The library folder; conversations and answer records are kept there.
        users: Name to password hash; empty needs no login.
        page: Mounts what answers at "/"; Gradio when not given.
    """
    limits = limits or WebLimits()
    desk = session if isinstance(session, Desk) else Desk(session=session)
    state = WebState(
        desk=desk,
        line=Line(limits.waiting),
        limits=limits,
        doorman=Doorman(users or {}, limits),
        conversations=Conversations(folder / "chats.db"),
        answers=AnswerRecords(folder),
        shelf=shelf,
        shop=shop,
        runs=tuple(runs),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        state.pool.submit(state.conversations.warm)
        yield
        for _user, asking in list(state.asks.values()):
            asking.stop()
        state.pool.shutdown(wait=False, cancel_futures=True)
        state.conversations.close()

    # Its own documentation page would load scripts from elsewhere; /openapi.json is enough.
    app = FastAPI(
        title="citewire", version="1",
        docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Questions to a library of news articles, answered with checked citations.",
    )  # fmt: skip
    app.state.citewire = state
    for part in (health, ask, library, conversations, answers, models, evals, openai):
        app.include_router(part.router)
    _add_pages(app, state)
    _add_error_words(app)
    app.add_middleware(_PageRewriter, root=root_path.rstrip("/"))
    app.add_middleware(LoginGate, doorman=state.doorman)
    app.add_middleware(Wall, allowed_hosts=allowed_hosts, limits=limits, root_path=root_path)
    (page or mount_gradio)(app, root_path)
    return app


def _add_pages(app: FastAPI, state: WebState) -> None:
    app.mount("/ui", StaticFiles(directory=UI), name="ui")

    @app.get("/answers/{answer_id}", include_in_schema=False)
    def permalink(answer_id: str, request: Request) -> Response:
        answers.record_of(state, answer_id)
        return RedirectResponse(f"{request.scope.get('root_path', '')}/?answer={answer_id}", 307)

    @app.get("/login", include_in_schema=False)
    async def show_login(request: Request) -> Response:
        return await login_form(request)

    @app.post("/login", include_in_schema=False)
    async def do_login(request: Request) -> Response:
        return await log_in(request, state.doorman)

    @app.post("/logout", include_in_schema=False)
    def do_logout(request: Request) -> Response:
        state.doorman.close_session(session_token(request.headers))
        return RedirectResponse(f"{request.scope.get('root_path', '')}/login", 303)

    @app.get("/favicon.ico", include_in_schema=False)
    def favicon() -> Response:
        return Response((UI / "icon.svg").read_bytes(), media_type="image/svg+xml")

    @app.api_route("/api/{rest:path}", methods=["GET", "POST"], include_in_schema=False)
    def nothing(rest: str) -> Response:
        raise HTTPException(404, "There is nothing at this address.")

    @app.get("/manifest.json", include_in_schema=False)
    def manifest() -> dict[str, str]:
        return {"name": "citewire", "display": "browser"}


def _add_error_words(app: FastAPI) -> None:
    """Every error as one plain line; what is not ours gets a code, and the log has the rest."""

    def told(kind: str, message: str, exit_code: int, status: int) -> JSONResponse:
        error = {"type": kind, "message": message, "exit_code": exit_code}
        headers = {"Retry-After": "30"} if status == 503 else None
        return JSONResponse({"error": error}, status, headers)

    @app.exception_handler(CitewireError)
    async def ours(_: Request, error: CitewireError) -> JSONResponse:
        status = 503 if isinstance(error, ModelBusy) else error.http_status
        return told(type(error).__name__, str(error), error.exit_code, status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        return told("InvalidRequest", f"{where}: {first['msg']}.", 65, 422)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return told("HTTPError", str(error.detail), 65, error.status_code)

    @app.exception_handler(Exception)
    async def unknown(_: Request, error: Exception) -> JSONResponse:
        kind, message = error_words(error)
        return told(kind, message, 70, 500)


class _PageRewriter:
    """ASGI middleware: rewrites Gradio's one page on its way out; see `bot.web.page.rewrite`."""

    def __init__(self, app: Any, *, root: str) -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "").removeprefix(self._root) or "/"
        if scope["type"] != "http" or path != "/":
            await self._app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def collect(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            out = bytes(body)
            if start["status"] == 200:
                out = rewrite(out.decode(), nonce=scope["state"]["nonce"], root=self._root).encode()
            kept = [(k, v) for k, v in start["headers"] if k.lower() not in (b"content-length", b"etag")]
            length = (b"content-length", str(len(out)).encode())
            await send({**start, "headers": [*kept, length, (b"cache-control", b"no-store")]})
            await send({"type": "http.response.body", "body": out})

        await self._app(scope, receive, collect)


def mount_gradio(app: FastAPI, root_path: str) -> None:
    """Puts Gradio at "/", every risky option by name: none is left to the environment.

    Raises:
        ConfigError: GRADIO_VIBE_MODE is set, which lets visitors run code.
    """
    _drop_gradio_environment()

    async def mount() -> None:
        _mount(app, root_path)

    # Outside a running loop Gradio makes one for its locks and never closes it.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, mount()).result()


def _mount(app: FastAPI, root_path: str) -> None:
    import gradio as gr

    gr.mount_gradio_app(
        app,
        build_blocks(),
        path="/",
        root_path=root_path or None,
        theme=build_theme(),
        allowed_paths=[],
        show_error=False,
        max_file_size=1,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )


def _drop_gradio_environment() -> None:
    """Gradio reads sharing, file and code-running switches from the environment."""
    if os.environ.get("GRADIO_VIBE_MODE"):
        raise ConfigError("GRADIO_VIBE_MODE is set, which lets visitors run code here. Unset it first.")
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(host: str, auth_file: Path | None, allowed_hosts: Sequence[str]) -> None:
    """Raises: ConfigError: Others could reach the server without a login and a list of host names."""
    if is_loopback(host):
        return
    missing = [o for o, there in (("--auth-file", auth_file), ("--allowed-host", allowed_hosts)) if not there]
    if missing:
        raise ConfigError(
            f"{host} can be reached by others, which needs {' and '.join(missing)}. "
            "Leave --host out to serve this machine alone."
        )


def serve(
    settings: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth_file: Path | None = None,
    allowed_hosts: Sequence[str] = (),
    root_path: str = "",
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serves until interrupted.

    Args:
        settings: bot.settings.Settings.
        trusted_proxies: Addresses whose X-Forwarded-* headers are believed; nobody's by default.

    Raises:
        ConfigError: A public bind without login and host list, or a password file that cannot be used.
    """
    import uvicorn

    from bot.web.opening import LibraryShelf, ModelShop, desk_for, folder_of

    check_exposure(host, auth_file, allowed_hosts)
    users = read_users(Path(auth_file)) if auth_file else {}
    folder = folder_of(settings)
    desk = desk_for(settings)
    app = create_app(
        desk,
        folder=folder,
        shelf=LibraryShelf(settings),
        shop=ModelShop(settings),
        users=users,
        allowed_hosts=[*allowed_hosts, host] if host not in ("0.0.0.0", "::") else allowed_hosts,
        root_path=root_path,
        runs=(folder / "runs", Path("runs")),
    )
    _log.info("serving on %s:%d (known hosts: %s)", host, port, ", ".join([*LOOPBACK_HOSTS, *allowed_hosts]))
    try:
        uvicorn.run(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            timeout_graceful_shutdown=5,
        )
    finally:
        desk.close()
