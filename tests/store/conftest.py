"""Parts for tests of the store."""

import os
from pathlib import Path

import pytest

from store.embeddings import Embedder, open_embedder


@pytest.fixture(scope="session")
def default_embedder() -> Embedder:
    weights = Path(os.environ.get("CITEWIRE_WEIGHTS", Path.home() / ".cache/citewire/weights"))
    files = {
        "all-MiniLM-L6-v2": "all-MiniLM-L6-v2-int8.onnx",
        "all-MiniLM-L6-v2-tokenizer": "all-MiniLM-L6-v2-tokenizer.json",
    }
    return open_embedder(
        "onnx:all-MiniLM-L6-v2", weights_dir=weights, fetch=lambda name: weights / files[name]
    )
