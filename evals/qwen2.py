"""Qwen2's forward pass in JAX over keys and values that llama.cpp has computed: as much of a model as training an adapter needs.

The weights are those of the GGUF file, dequantised; the architecture is that of Qwen2 (Yang et al. 2024, arXiv:2407.10671): RMS
norm, rotary positions, grouped queries, a gated feed-forward network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gguf import GGUFReader, dequantize
from jax import Array

TENSORS: Mapping[str, str] = {
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "g": "ffn_gate", "u": "ffn_up", "d": "ffn_down",
}  # fmt: skip
"""Short names of a layer's matrices, and theirs in GGUF files."""
_BIASES, _NORMS = ("q", "k", "v"), {"n1": "attn_norm", "n2": "ffn_norm"}
Layer = Mapping[str, Array]
Lora = Mapping[str, tuple[Array, Array]]
"""By the short name of a matrix: (input width, rank) and (rank, output width)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a GGUF file says of its model."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    base: float
    epsilon: float

    @property
    def head(self) -> int:
        """Numbers of one attention head."""
        return self.width // self.heads

    @property
    def kv_width(self) -> int:
        """Numbers of one token's keys, or values, in one layer."""
        return self.kv_heads * self.head


class Weights:
    """Tensors of a GGUF file, dequantised when they are asked for."""

    def __init__(self, path: Path) -> None:
        reader = GGUFReader(path)
        self._tensors = {t.name: t for t in reader.tensors}

        def said(key: str) -> Any:  # Any: numpy's scalar of whatever type the file has
            return reader.fields[f"qwen2.{key}"].parts[-1][0]

        if reader.fields["general.architecture"].contents() != "qwen2":
            raise ValueError(f"{path} is no Qwen2 model: adapters are trained for these alone")
        self.shape = Shape(
            int(said("block_count")),
            int(said("embedding_length")),
            int(said("attention.head_count")),
            int(said("attention.head_count_kv")),
            float(said("rope.freq_base")),
            float(said("attention.layer_norm_rms_epsilon")),
        )

    @property
    def vocabulary(self) -> int:
        """Tokens that the model has embeddings for."""
        return int(self._tensors["token_embd.weight"].data.shape[0])

    def get(self, name: str, rows: Sequence[int] | None = None) -> Array:
        """A tensor as float32, shape (output width, input width); of a large one only some rows."""
        tensor = self._tensors[name]
        data = tensor.data if rows is None else tensor.data[list(rows)]
        return jnp.asarray(dequantize(data, tensor.tensor_type).astype(np.float32))

    def layer(self, number: int) -> Layer:
        found = {short: self.get(f"blk.{number}.{name}.weight") for short, name in TENSORS.items()}
        found |= {f"b{short}": self.get(f"blk.{number}.{TENSORS[short]}.bias") for short in _BIASES}
        return found | {short: self.get(f"blk.{number}.{name}.weight") for short, name in _NORMS.items()}

    def embeddings(self, ids: Sequence[int]) -> Array:
        return self.get("token_embd.weight", ids)

    def unembeddings(self, ids: Sequence[int]) -> Array:
        """Of some tokens. Small models use the embeddings for both ends."""
        own = "output.weight"
        return self.get(own if own in self._tensors else "token_embd.weight", ids)

    def last_norm(self) -> Array:
        return self.get("output_norm.weight")


def normed(x: Array, weight: Array, epsilon: float) -> Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + epsilon) * weight


def turned(x: Array, positions: Array, base: float) -> Array:
    """Rotary position embedding. Shapes: (batch, tokens, heads, numbers), (batch, tokens)."""
    half = x.shape[-1] // 2
    angles = positions[..., None] * base ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angles)[:, :, None], jnp.sin(angles)[:, :, None]
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def forward(
    shape: Shape,
    x: Array,
    layer: Layer,
    keys: Array,
    values: Array,
    seen: Array,
    positions: Array,
    lora: Lora | None = None,
) -> tuple[Array, Array, Array]:
    """One layer over tokens that stand behind others.

    Args:
        x: (batch, tokens, width).
        keys, values: Of what stands before, (batch, past, kv width), keys turned already.
        seen: (batch, past): which of these are there.
        positions: (batch, tokens).

    Returns: The layer's output, and the tokens' own keys and values.
    """
    batch, tokens, _ = x.shape
    groups, each = shape.kv_heads, shape.heads // shape.kv_heads

    def linear(h: Array, name: str) -> Array:
        y = h @ layer[name].T
        if lora is not None and name in lora:
            down, up = lora[name]
            y = y + (h @ down) @ up
        return y

    h = normed(x, layer["n1"], shape.epsilon)
    q = (linear(h, "q") + layer["bq"]).reshape(batch, tokens, shape.heads, shape.head)
    k = (linear(h, "k") + layer["bk"]).reshape(batch, tokens, groups, shape.head)
    v = (linear(h, "v") + layer["bv"]).reshape(batch, tokens, groups, shape.head)
    q, k = turned(q, positions, shape.base), turned(k, positions, shape.base)
    q = q.reshape(batch, tokens, groups, each, shape.head) / np.sqrt(shape.head)
    before = keys.astype(jnp.float32).reshape(batch, -1, groups, shape.head)
    told = values.astype(jnp.float32).reshape(batch, -1, groups, shape.head)
    of_past = jnp.einsum("bsgid,btgd->bgist", q, before)
    of_past = jnp.where(seen[:, None, None, None], of_past, -1e30)
    of_own = jnp.einsum("bsgid,btgd->bgist", q, k)
    of_own = jnp.where(jnp.tril(jnp.ones((tokens, tokens), bool)), of_own, -1e30)
    share = jax.nn.softmax(jnp.concatenate([of_past, of_own], -1), -1)
    past = before.shape[1]
    mixed = jnp.einsum("bgist,btgd->bsgid", share[..., :past], told)
    mixed = mixed + jnp.einsum("bgist,btgd->bsgid", share[..., past:], v)
    x = x + linear(mixed.reshape(batch, tokens, shape.width), "o")
    h = normed(x, layer["n2"], shape.epsilon)
    x = x + linear(jax.nn.silu(linear(h, "g")) * linear(h, "u"), "d")
    flat = (batch, tokens, shape.kv_width)
    return x, k.reshape(flat), v.reshape(flat)


def odds(x: Array, norm: Array, yes: Array, no: Array, epsilon: float) -> Array:
    """Natural-log odds of the next token being one of `yes` against one of `no`.

    Args:
        x: What the last layer gives for the last token, (batch, width).
        yes, no: Rows of the unembedding, (spellings, width).
    """
    h = normed(x, norm, epsilon)
    return jax.nn.logsumexp(h @ yes.T, 1) - jax.nn.logsumexp(h @ no.T, 1)
