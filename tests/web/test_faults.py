"""Faults D01-D16 of the list, against the whole app."""

import json
import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from bot.types import Event, Question
from bot.web.app import check_exposure, is_loopback, mount_gradio
from bot.web.limits import WebLimits
from bot.web.login import Doorman, hash_password, read_users, safe_next
from bot.web.routes.library import base_name
from store.errors import ConfigError
from tests.web.conftest import BASE, Build, Built, Served, build_app
from tests.web.fakes import FakeSession

DEAL = {"question": "Who signed the agreement?", "stream": False}


def test_d01_a_public_bind_needs_login_and_host_list() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.4", "news.example"):
        with pytest.raises(ConfigError, match="--auth-file and --allowed-host"):
            check_exposure(host, None, ())
    with pytest.raises(ConfigError, match="needs --allowed-host"):
        check_exposure("0.0.0.0", Path("users"), ())
    check_exposure("0.0.0.0", Path("users"), ("news.example",))
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert ConfigError.exit_code == 78


def test_d01_the_code_knows_no_share_link() -> None:
    root = Path(__file__).parents[2] / "bot" / "web"
    assert not [p for p in root.rglob("*.py") if "share=" in p.read_text()]


def test_d02_gradio_switches_of_the_environment_are_dropped(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "GRADIO_ALLOWED_PATHS": "/",
        "GRADIO_MCP_SERVER": "1",
        "GRADIO_SHARE": "True",
    }.items():
        monkeypatch.setenv(name, value)
    with TestClient(build(page=mount_gradio).app, base_url=BASE) as client:
        assert client.get("/gradio_api/file=/etc/passwd").status_code == 404
        assert client.get("/gradio_api/mcp/sse").status_code == 404
    assert {n for n in os.environ if n.startswith("GRADIO_")} == {"GRADIO_ANALYTICS_ENABLED"}


def test_d02_vibe_mode_is_refused(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_VIBE_MODE", "1")
    with pytest.raises(ConfigError, match="GRADIO_VIBE_MODE"):
        build(page=mount_gradio)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "localhost@evil"]
)
def test_d03_other_host_names_get_400(paged: TestClient, host: str) -> None:
    assert paged.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:1", "[::1]:7860", "LOCALHOST"])
def test_d03_loopback_names_are_known(client: TestClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:3000"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_d04_a_foreign_origin_changes_nothing(
    client: TestClient, built: Built, headers: dict[str, str]
) -> None:
    assert client.post("/api/ask", json=DEAL, headers=headers).status_code == 403
    assert client.delete("/api/articles/odd-1", headers=headers).status_code == 403
    assert client.post("/login", data={"name": "a"}, headers=headers).status_code == 403
    assert built.session.chain.asked == []


def test_d04_our_own_origin_and_a_plain_client_may_ask(client: TestClient) -> None:
    assert client.post("/api/ask", json=DEAL, headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert client.post("/api/ask", json=DEAL).status_code == 200
    assert (
        "access-control-allow-origin"
        not in client.get("/healthz", headers={"origin": "http://evil.example"}).headers
    )


def test_d04_a_text_body_is_no_question(client: TestClient, built: Built) -> None:
    response = client.post("/api/ask", content=json.dumps(DEAL), headers={"content-type": "text/plain"})
    assert response.status_code == 422
    assert built.session.chain.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/ui/../app.py",
        "/ui/%2e%2e/app.py",
        "/ui/..%2fapp.py",
        "/ui//etc/passwd",
        "/ui/..%5capp.py",
        "/static/../../../etc/passwd",
        "/static/js/%2e%2e/%2e%2e/config",
        "/file=/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/upload",
        "/gradio_api/queue/join",
        "/gradio_api/stream/a/b/c/d",
        "/GRADIO_API/file=/etc/passwd",
        "/articles.db",
        "/chats.db",
        "/api/articles/..%2f..%2fchats.db",
        "/answers/..%2fchats",
    ],
)
def test_d05_no_path_leads_to_a_file(paged: TestClient, path: str) -> None:
    response = paged.get(path)
    assert response.status_code in (403, 404)
    assert "root:" not in response.text
    assert str(Path.home()) not in response.text


def test_d06_forged_file_data_has_no_door(paged: TestClient) -> None:
    body = {"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}
    for path in (
        "/gradio_api/call/predict",
        "/gradio_api/run/predict",
        "/gradio_api/queue/join",
        "/call/predict",
    ):
        assert paged.post(path, json=body).status_code == 404


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../x.txt", "x.txt"),
        ("C:\\dir\\y.txt", "y.txt"),
        ("/etc/passwd", "passwd"),
        (".hidden.txt", "hidden.txt"),
        ("a\u202etxt.exe\0.txt", "atxt.exe.txt"),
        ("n" * 5000 + ".txt", "n" * 146 + ".txt"),
        ("..", ""),
        ("", ""),
    ],
)
def test_d07_only_the_base_name_is_kept(given: str, kept: str) -> None:
    assert base_name(given, 150) == kept


def test_d07_too_big_or_too_many_is_refused(build: Build) -> None:
    built = build(limits=WebLimits(upload_bytes=10_000, upload_files=3))
    with TestClient(built.app, base_url=BASE) as client:
        assert client.post("/api/articles", files=[("files", ("a.txt", b"x" * 20_000))]).status_code == 413
        many = [("files", (f"{n}.txt", b"x")) for n in range(4)]
        told = client.post("/api/articles", files=many)
        assert (told.status_code, told.json()["error"]["message"]) == (
            400,
            "4 files at once; the limit is 3.",
        )
    assert built.shelf.taken == []


def test_d07_a_body_without_length_is_counted(build: Build) -> None:
    built = build(limits=WebLimits(json_bytes=1000))

    def pieces() -> Iterator[bytes]:
        yield b'{"question": "'
        for _ in range(50):
            yield b"x" * 100
        yield b'"}'

    with TestClient(built.app, base_url=BASE, raise_server_exceptions=False) as client:
        headers = {"content-type": "application/json"}
        assert client.post("/api/ask", content=pieces(), headers=headers).status_code >= 400
    assert built.session.chain.asked == []


def test_d08_uploads_leave_nothing_behind(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number in range(5):
        client.post("/api/articles", files=[("files", (f"{number}.txt", b"words " * 1000))])
    assert not list(tmp_path.glob("citewire-upload-*"))


def users() -> dict[str, str]:
    return {
        "ann": hash_password("correct horse", b"0" * 16),
        "bob": hash_password("battery staple", b"1" * 16),
    }


def test_d09_guessing_is_slowed_and_a_right_password_forgets_it() -> None:
    now = [0.0]
    doorman = Doorman(users(), WebLimits(), now=lambda: now[0])
    for _ in range(4):
        assert not doorman.check("ann", "wrong", "10.0.0.1")
        assert doorman.wait_s("10.0.0.1") == 0
    waits = []
    for _ in range(3):
        doorman.check("ann", "wrong", "10.0.0.1")
        waits.append(doorman.wait_s("10.0.0.1"))
    assert waits == [2.0, 4.0, 8.0]
    assert doorman.wait_s("10.0.0.2") == 0
    assert doorman.check("ann", "correct horse", "10.0.0.1")
    assert doorman.wait_s("10.0.0.1") == 0
    assert not doorman.check("nobody", "correct horse", "10.0.0.1")


def test_d09_the_login_page_answers_429_after_five(build: Build) -> None:
    with TestClient(build(users=users()).app, base_url=BASE) as client:
        codes = [client.post("/login", data={"name": "ann", "password": "x"}).status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]
        assert int(client.post("/login", data={"name": "ann", "password": "x"}).headers["retry-after"]) >= 1


def test_login_opens_the_page_and_a_key_opens_the_api(build: Build) -> None:
    with TestClient(build(users=users()).app, base_url=BASE) as client:
        assert client.get("/api/articles").status_code == 401
        page = client.get("/", headers={"accept": "text/html"}, follow_redirects=False)
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=/")
        key = {"authorization": "Bearer bob:battery staple"}
        assert client.get("/v1/models", headers=key).status_code == 200
        assert client.get("/api/articles", auth=("ann", "correct horse")).status_code == 200
        entered = client.post(
            "/login", data={"name": "ann", "password": "correct horse"}, follow_redirects=False
        )
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/api/articles").status_code == 200
        client.post("/logout", follow_redirects=False)
        assert client.get("/api/articles").status_code == 401


def test_a_password_file_is_read_or_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"# people\nann:{hash_password('x' * 8)}\n")
    path.chmod(stat.S_IRUSR)
    assert list(read_users(path)) == ["ann"]
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_text("ann:secret\n")
    with pytest.raises(ConfigError, match="users:1 is not"):
        read_users(path)
    path.write_text("")
    with pytest.raises(ConfigError, match="names no user"):
        read_users(path)


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_login_goes_on_to_our_own_pages_only(target: str) -> None:
    assert safe_next(target) == "/"


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One app with Gradio's page, for tests that change nothing."""
    built = build_app(tmp_path_factory.mktemp("paged"), page=mount_gradio)
    with TestClient(built.app, base_url=BASE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def crowd(serve_app: Any, tmp_path: Path) -> Served:
    built = build_app(tmp_path, limits=WebLimits(waiting=2, alive_s=0.2))
    built.session.chain.token_s = 0.02
    served: Served = serve_app(built)
    return served


def ask_lines(
    url: str,
    question: str = DEAL["question"],  # type: ignore[assignment]
    received: threading.Event | None = None,
    **more: Any,
) -> list[dict[str, Any]]:
    """Args: received: Set as soon as the server has let the question in, or refused it."""
    with httpx.stream("POST", f"{url}/api/ask", json={"question": question, **more}, timeout=30) as response:
        if received is not None:
            received.set()
        if response.status_code != 200:
            response.read()
            return [
                {"event": "refused", "status": response.status_code, **response.json(), **response.headers}
            ]
        return [json.loads(line) for line in response.iter_lines()]


@pytest.mark.web
def test_d10_a_crowd_is_served_in_order_and_the_rest_told(crowd: Served) -> None:
    results: dict[int, list[dict[str, Any]]] = {}
    crowd.built.session.chain.token_s = 0.15  # the first answers come after all six have asked
    received = [threading.Event() for _ in range(6)]

    def ask(n: int) -> None:
        results[n] = ask_lines(crowd.url, received=received[n])

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread, let_in in zip(threads, received, strict=True):
        thread.start()
        assert let_in.wait(10)
    for thread in threads:
        thread.join(30)
    ends = [results[n][-1]["event"] for n in range(6)]
    assert ends == ["answer"] * 3 + ["refused"] * 3
    assert [e["ahead"] for e in results[2] if e["event"] == "queued"] == [2, 1, 0]
    refused = results[5][0]
    assert refused["status"] == 503
    assert refused["retry-after"] == "30"
    assert refused["error"]["message"].startswith("Busy: 2 questions wait already.")
    assert crowd.built.session.chain.most_running == 1
    # Passages are there while the question still waits.
    waiting = [e["event"] for e in results[2]]
    assert waiting.index("retrieved") < waiting.index("queued")


@pytest.mark.web
def test_stop_by_name_and_by_hanging_up_stops_the_model(crowd: Served) -> None:
    chain = crowd.built.session.chain
    chain.endless = True
    with httpx.stream("POST", f"{crowd.url}/api/ask", json={"question": "x signed"}, timeout=30) as response:
        lines = response.iter_lines()
        ask_id = json.loads(next(lines))["ask"]
        next(lines)
        assert httpx.post(f"{crowd.url}/api/ask/{ask_id}/stop").json() == {"stopped": True}
        assert all(json.loads(line)["event"] != "answer" for line in lines)
    _until(lambda: chain.stopped == 1 and chain.running == 0)
    with httpx.stream("POST", f"{crowd.url}/api/ask", json={"question": "x signed"}, timeout=30) as response:
        next(response.iter_lines())
    _until(lambda: chain.stopped == 2 and chain.running == 0)
    chain.endless = False
    assert ask_lines(crowd.url)[-1]["event"] == "answer"


def _until(fact: Any, within_s: float = 3.0) -> None:
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.01)


def test_d11_an_unexpected_error_shows_a_code_and_no_path(
    built: Built, client: TestClient, caplog: Any
) -> None:
    def broken(_: Question) -> Iterator[Event]:
        raise RuntimeError("secret words of /home/ann/articles.db")
        yield

    built.session.chain.script = broken
    with caplog.at_level(logging.ERROR, logger="citewire.web"):
        response = client.post("/api/ask", json=DEAL)
    message = response.json()["error"]["message"]
    assert response.status_code == 500
    assert "/home" not in response.text
    assert message.startswith("Something went wrong on our side (code E-")
    assert message.split("code ")[1][:8] in caplog.text


@pytest.mark.parametrize("size", [4_001, 1_000_000, 20_000_000])
def test_d12_a_huge_question_is_refused_before_the_model(client: TestClient, built: Built, size: int) -> None:
    body = b'{"question": "' + b"x" * size + b'"}'
    began = time.perf_counter()
    response = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert "question limit is 4,000 characters" in response.json()["error"]["message"]
    assert time.perf_counter() - began < 0.5  # 0.1 s is asked for; the shared test machine gets room
    assert built.session.chain.asked == []


@pytest.mark.parametrize(
    "body",
    [
        {"question": {"a": 1}},
        {"question": []},
        {"question": 7},
        {"question": None},
        {},
        [],
        "text",
        {"question": "x", "history": "no"},
        {"question": "x", "as_of": "yesterday"},
        {"question": "x", "colour": "red"},
        {"question": "   "},
        {"question": "\u0000\u202e"},
        {"question": "x", "conversation": "../../etc"},
    ],
)
def test_d13_wrong_types_get_a_sentence(client: TestClient, built: Built, body: Any) -> None:
    response = client.post("/api/ask", json=body)
    assert response.status_code == 422
    assert "Traceback" not in response.text
    assert response.json()["error"]["message"]
    assert built.session.chain.asked == []


def test_d13_a_lone_surrogate_is_refused(client: TestClient) -> None:
    response = client.post(
        "/api/ask",
        content=b'{"question": "who \\ud800 signed"}',
        headers={"content-type": "application/json"},
    )
    assert response.status_code == 422


def test_d13_an_unknown_address_is_a_plain_404(paged: TestClient) -> None:
    assert paged.post("/gradio_api/call/nope", json={"data": []}).status_code == 404
    assert paged.get("/api/nope").json()["error"]["message"]


def test_d14_two_people_do_not_meet(build: Build) -> None:
    built = build(users=users())
    with TestClient(built.app, base_url=BASE) as client:
        ann, bob = ("ann", "correct horse"), ("bob", "battery staple")

        def ask(who: tuple[str, str], question: str, conversation: str) -> list[dict[str, Any]]:
            body = {"question": question, "conversation": conversation}
            response = client.post("/api/ask", json=body, auth=who)
            return [json.loads(line) for line in response.text.splitlines()]

        first = ask(ann, "Who signed the agreement?", "new")[0]["conversation"]
        second = ask(bob, "How many passengers?", "new")[0]["conversation"]
        for _ in range(5):
            ask(ann, "signed?", first)
            ask(bob, "passengers?", second)
        assert client.get(f"/api/conversations/{first}", auth=bob).status_code == 422
        assert client.delete(f"/api/conversations/{first}", auth=bob).status_code == 422
        mine = client.get(f"/api/conversations/{first}", auth=ann).json()["exchanges"]
        assert {e["question"] for e in mine} == {"Who signed the agreement?", "signed?"}
        assert [c["id"] for c in client.get("/api/conversations", auth=bob).json()["conversations"]] == [
            second
        ]
        # Asking with another's conversation brings none of its words along.
        ask(bob, "signed?", first)
        assert built.session.chain.asked[-1].history == ()
        assert len(first) == 32


def test_d14_no_module_of_the_web_app_keeps_chat_state() -> None:
    import ast

    root = Path(__file__).parents[2] / "bot" / "web"
    for path in root.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
                node.value, ast.List | ast.Set | ast.Dict
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [t.id for t in targets if isinstance(t, ast.Name)]
                assert all(n.isupper() or n == "__all__" for n in names), f"{path.name}: {names} can change"


def test_d15_the_page_works_below_a_sub_path(build: Build) -> None:
    built = build(root_path="/chat", allowed_hosts=["news.example"], page=mount_gradio)
    with TestClient(built.app, base_url="http://news.example") as client:
        page = client.get("/")
        assert page.status_code == 200
        assert 'content="/chat"' in page.text
        assert 'src="/chat/ui/app.js"' in page.text
        origin = {"origin": "https://news.example"}
        assert client.post("/api/ask", json=DEAL, headers=origin).status_code == 200


@pytest.mark.web
def test_d15_a_quiet_stream_says_that_it_lives(crowd: Served) -> None:
    crowd.built.session.chain.token_s = 0.5
    assert {"event": "alive"} in ask_lines(crowd.url, "short sign")


def test_d15_forwarded_headers_of_strangers_are_not_believed(paged: TestClient) -> None:
    forged = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "x-forwarded-for": "9.9.9.9"}
    assert "evil.example" not in paged.get("/", headers=forged).text


def test_d16_health_does_not_touch_the_model(build: Build) -> None:
    session = FakeSession()
    built = build(session=session)
    session.library.counts = None  # type: ignore[assignment,method-assign]  # any touch would raise
    with TestClient(built.app, base_url=BASE) as client:
        assert client.get("/healthz").json() == {"status": "ok"}


def test_d16_readyz_names_the_failing_part(build: Build) -> None:
    session = FakeSession()
    session.engine.state = "error"
    with TestClient(build(session=session).app, base_url=BASE) as client:
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"ready": False, "parts": {"library": "ok", "model": "error"}}


def test_every_answer_carries_the_policy(paged: TestClient) -> None:
    for path in ("/", "/healthz", "/nope", "/ui/app.js"):
        policy = paged.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "'unsafe-eval'" not in policy
        assert "script-src 'self' 'nonce-" in policy


def test_the_page_names_nobody_else(paged: TestClient) -> None:
    page = paged.get("/").text
    assert "fonts.g" not in page
    assert 'property="og:' not in page
    assert page.count("<script") == page.count("<script nonce=")
