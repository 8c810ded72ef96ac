"""Variables that would leak articles are gone before a library can read them (F06, F12)."""

import os

import pytest

from bot.environment import proxies, scrub

LEAKS = (
    "LANGSMITH_TRACING",
    "LANGSMITH_ENDPOINT",
    "LANGCHAIN_TRACING_V2",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "GRADIO_SHARE",
    "GRADIO_ALLOWED_PATHS",
    "CHROMA_API_IMPL",
    "http_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
)


@pytest.mark.parametrize("name", LEAKS)
def test_f06_leaking_variable_is_dropped_and_told(name: str) -> None:
    environ = {name: "x", "PATH": "/bin"}
    assert scrub(environ) == (name,)
    assert name not in environ
    assert environ["PATH"] == "/bin"


def test_f06_analytics_are_off() -> None:
    environ = {"GRADIO_ANALYTICS_ENABLED": "True"}
    assert scrub(environ) == ()
    assert environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_proxies_come_back_only_while_weights_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GRADIO_ANALYTICS_ENABLED",
        "ANONYMIZED_TELEMETRY",
        "HF_HUB_DISABLE_TELEMETRY",
        "TOKENIZERS_PARALLELISM",
    ):
        monkeypatch.setenv(name, "")  # put back after the test
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    scrub()
    assert "HTTPS_PROXY" not in os.environ
    with proxies():
        assert os.environ["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert "HTTPS_PROXY" not in os.environ
