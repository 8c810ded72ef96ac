"""Who may import whom, and what must never be imported at all (G03)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for folder in ("store", "bot", "evals") for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN = {"store": {"bot", "evals", "tests"}, "bot": {"evals", "tests"}, "evals": {"tests"}}
HEAVY = ("chromadb", "gradio", "langchain", "langchain_core", "onnxruntime", "xllamacpp", "numpy", "scipy")
NEVER = ("torch", "transformers", "diskcache", "chromadb.server.fastapi", "langgraph.checkpoint", "joblib")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _importers(package: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name.split(".")[0] == package for name in _imports(path))
    }


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_imports_go_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if path.is_relative_to(ROOT / folder)
        for name in _imports(path)
        if name.split(".")[0] in FORBIDDEN[folder]
    ]
    assert wrong == []


def test_only_the_index_knows_chroma() -> None:
    assert _importers("chromadb") == {"store/index.py"}


def test_only_the_record_knows_sql() -> None:
    assert _importers("sqlite3") == {"store/record.py"}


def test_only_the_ollama_modules_know_ollama() -> None:
    assert _importers("ollama") | _importers("langchain_ollama") <= {
        "bot/models/ollama.py",
        "bot/models/ollama_admin.py",
    }


@pytest.mark.parametrize("name", ["pickle", "dill", "joblib", "shelve", "marshal"])
def test_g03_no_data_is_unpickled(name: str) -> None:
    assert _importers(name) == set()


def _loaded_by(code: str) -> set[str]:
    """Names of all modules a fresh interpreter holds after this code."""
    script = f"{code}\nimport sys\nsys.stdout.write('\\n' + '\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def test_help_loads_nothing_heavy() -> None:
    loaded = _loaded_by("from bot.cli.main import run\nassert run(['--help']) == 0")
    assert [name for name in HEAVY if name in loaded] == []


def test_an_answer_needs_nothing_of_langchain() -> None:
    """It would take most of a second, in which a fresh `citewire ask` has its passages on the screen."""
    loaded = _loaded_by(
        "import bot.assemble, bot.answering, bot.models.embedded, store.library, store.embeddings"
    )
    assert [name for name in ("langchain", "langchain_core", "langsmith", "chromadb") if name in loaded] == []


@pytest.mark.slow
def test_g03_unsafe_loaders_never_come_in() -> None:
    loaded = _loaded_by(
        "import bot.chain, bot.assemble, bot.web.app, bot.models.embedded, bot.models.langchain\n"
        "import store.ingest, store.retrievers.langchain, chromadb, gradio, langchain_ollama, langchain_openai"
    )
    assert [name for name in NEVER if name in loaded] == []
