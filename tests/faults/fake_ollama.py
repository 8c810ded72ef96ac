"""A real HTTP server that talks like Ollama and fails in the way a test names."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "tiny:latest"
WORDS = ("Doha", " hosted", " the", " talks.")


@dataclass
class FakeOllama:
    """What the server does and what it saw.

    Attributes:
        mode: How /api/chat behaves; "ok" or the name of a fault below.
        read: Gives `prompt_eval_count` for the messages of a request; None leaves the count out.
    """

    mode: str = "ok"
    version: str = "0.24.0"
    template: str = "{{ range .Messages }}{{ .Content }}{{ end }}"
    capabilities: tuple[str, ...] = ("completion",)
    size: int = 1000
    read: Callable[[list[dict[str, str]]], int | None] = lambda messages: sum(
        2 * len(message["content"].split()) for message in messages
    )
    pause_s: float = 1.5
    words: tuple[str, ...] = WORDS
    requests: list[dict[str, Any]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def chats(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if "messages" in request]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeOllama

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/api/version":
            self.whole(200, {"version": self.fake.version})
        elif self.path == "/api/tags":
            model = {"name": NAME, "model": NAME, "size": self.fake.size, "digest": "ab" * 32}
            self.whole(200, {"models": [model | {"details": {"family": "qwen2"}}]})
        else:
            self.whole(200, {"models": []})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/api/show":
            self.whole(
                200,
                {
                    "template": self.fake.template,
                    "capabilities": list(self.fake.capabilities),
                    "modelfile": "FROM x",
                    "model_info": {"qwen2.context_length": 32768},
                },
            )
            return
        self.fake.requests.append(body)
        if self.path == "/api/pull":
            self.pull()
            return
        with contextlib.suppress(ConnectionError):
            self.chat(body)

    def chat(self, body: dict[str, Any]) -> None:
        mode = self.fake.mode
        if mode == "404":
            self.whole(404, {"error": "model 'tiny' not found"})
        elif mode == "500":
            self.whole(500, {"error": "model runner has unexpectedly stopped"})
        elif mode == "503":
            self.whole(503, {"error": "server busy, please try again. maximum pending requests exceeded"})
        elif mode == "html502":
            self.raw(502, "text/html", b"<html><body>Bad Gateway</body></html>")
        elif mode == "redirect":
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:1/api/chat")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif mode == "die":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.streamed(body)

    def streamed(self, body: dict[str, Any]) -> None:
        fake, mode = self.fake, self.fake.mode
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if mode == "slow":
            self.wait(fake.pause_s)
        words = {
            "empty": (),
            "load": (),
            "think": ("<thi", "nk>Was it Oman?</th", "ink>\n\nDoha", "."),
            "closing": ("Was it Oman?", "</think>", "Doha."),
            "onlythink": ("<think>", "Was it Oman?"),
        }.get(mode, fake.words)
        for n, word in enumerate(words):
            if n == 1 and mode in ("reset", "eof", "errline", "bad", "array"):
                break
            if n == 1 and mode == "blank":
                self.chunk(b"\n")
            if n == 1 and mode == "stall":
                self.wait(fake.pause_s)
            record: dict[str, Any] = {"message": {"role": "assistant", "content": word}, "done": False}
            if body.get("logprobs") and mode != "nologprobs":
                top = [("Yes", -0.5), ("No", -1.5), ("Maybe", -4.0)]
                record["logprobs"] = [
                    {
                        "token": word,
                        "logprob": -0.25,
                        "top_logprobs": [{"token": token, "logprob": value} for token, value in top],
                    }
                ]
            self.line(record)
            if mode == "drip":
                self.wait(0.2)
        if mode == "reset":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if mode == "errline":
            self.line({"error": "an error was encountered while running the model"})
        elif mode == "bad":
            self.chunk(b'{"message": {"role": "assi\n')
        elif mode == "array":
            self.chunk(b"[1, 2]\n")
        elif mode != "eof":
            reason = {"length": "length", "load": "load"}.get(mode, "stop")
            last: dict[str, Any] = {"message": {"role": "assistant", "content": ""}, "done": True}
            last |= {"done_reason": reason, "eval_count": len(words)}
            if (read := fake.read(body["messages"])) is not None:
                last["prompt_eval_count"] = read
            if mode == "thinkfield":
                last["message"]["thinking"] = "Was it Oman?"
            self.line(last)
        self.wfile.write(b"0\r\n\r\n")

    def pull(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.line({"status": "pulling", "completed": 5, "total": 10})
        if self.fake.mode == "pullerror":
            self.line({"error": "no space left on device"})
        elif self.fake.mode != "pullcut":
            self.line({"status": "success"})
        self.wfile.write(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Waits, watching for the client to hang up."""
        end = time.monotonic() + seconds
        self.connection.settimeout(0.05)
        while time.monotonic() < end and not self.fake.over.is_set():
            try:
                gone = self.connection.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                gone = True
            if gone:
                self.fake.hung_up.set()
                raise ConnectionResetError
        self.connection.settimeout(None)

    def line(self, record: dict[str, Any]) -> None:
        self.chunk(json.dumps(record).encode() + b"\n")

    def chunk(self, raw: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
            self.wfile.flush()
        except OSError as error:
            self.fake.hung_up.set()
            raise ConnectionResetError from error

    def whole(self, status: int, record: dict[str, Any]) -> None:
        self.raw(status, "application/json", json.dumps(record).encode())

    def raw(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients hang up on purpose here


@contextlib.contextmanager
def serving(fake: FakeOllama) -> Iterator[FakeOllama]:
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = _Server(("127.0.0.1", 0), handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
