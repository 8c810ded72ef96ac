"""Trains the adapter by which a model tells whether an article answers a question (bot/models/adapter.py).

Asked in words, a small model hardly knows (AUC 0.6). But its state behind the question, in its middle layers, holds it: a linear
probe there tells articles it has not seen with 0.84 to 0.9. The adapter (low rank: Hu et al. 2021, arXiv:2106.09685) brings that
to the first token of a reply. It changes the upper layers only, and only for the few tokens that call it, so that everything
before them is taken from the engine as it is served, and a step of training costs those few tokens.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gguf
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from bot import prompt
from bot.models.base import NO, YES, EngineOptions, Message
from bot.models.embedded import EmbeddedEngine, open_embedded
from bot.prompts import load
from evals import qwen2
from evals.engine_states import KeysAndValues, read_state
from evals.fit import auc
from evals.suites import load_suite
from evals.types import Case
from evals.workbench import LocalWorkbench

END, CALL = "<|im_end|>\n<|im_start|>", "does the article answer?\n"
"""What stands behind a question; the adapter acts on the tokens of the second. No prompt holds them: what was computed with
the adapter is never taken for what was computed without."""
PROMPTS = ("read", "opening", "draft", "tasks")
RANK, RATE, EPOCHS, BATCH = 8, 5e-4, 4, 16
ADAPTED = ("q", "k", "v", "o")
FROM = 4 / 7
"""Share of the layers that are left as they are: a probe tells most behind these."""
_PADDED = 512
"""The past of a batch is padded to a multiple of so many tokens: each length is compiled anew."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question behind one article.

    Attributes:
        tells: Whether the article answers it.
        held: What the engine holds of the prompt behind the article's beginning.
    """

    suite: str
    id: str
    tells: bool
    held: KeysAndValues


@dataclass(frozen=True, slots=True)
class Article:
    """What the engine holds of an article's beginning, and the questions that were asked behind it."""

    held: KeysAndValues
    examples: tuple[Example, ...]


def collect(
    suite_name: str,
    engine: EmbeddedEngine,
    *,
    limit: int = 0,
    without: frozenset[str] = frozenset(),
) -> Iterator[Article]:
    """Each tuned case of a suite behind the article that is found first for it.

    Of a question whose evidence stands in other articles alone, the article found first does not answer it. Follow-ups and false
    premises are left out, of which nobody says whether they are answered.

    Args:
        without: Questions that are kept for another purpose.
    """
    from bot.answering import ChainOptions
    from bot.candidates import find_candidates
    from bot.questions import kind_of, without_orders
    from bot.reading import Reading
    from evals.suites import select

    suite = load_suite(suite_name)
    bench = LocalWorkbench(suite.worlds)
    asked: dict[str, tuple[Reading, list[tuple[Case, tuple[Message, ...]]]]] = {}
    for case in select(suite.cases, part="tuned", limit=limit):
        if (
            case.id in without
            or case.abstain_ok
            or case.history
            or case.type in ("not_a_question", "injection")
        ):
            continue
        library = bench.library(case.world)
        text = without_orders(case.question)
        hits = bench.search(case.world, text, ChainOptions().k, case.as_of)
        for candidate in find_candidates(text, hits, library, most=1):
            reading = candidate.reading
            messages = prompt.draft(reading, text, kind_of(text))
            asked.setdefault(reading.key, (reading, []))[1].append((case, messages))
    for reading, cases in track(asked.values(), description=suite.name, console=Console(stderr=True)):
        whole = read_state(engine.save_state(prompt.kept_beginning(reading)))
        examples = []
        for case, messages in cases:
            state = read_state(engine.save_state(messages))
            shared = int(
                np.argmin(
                    np.append(state.tokens[: len(whole.tokens)] == whole.tokens[: len(state.tokens)], False)
                )
            )
            tells = case.answerable and any(e.article == reading.article.id for e in case.evidence)
            rest = KeysAndValues(state.tokens, state.keys[:, shared:], state.values[:, shared:])
            examples.append(Example(suite.name, case.id, tells, rest))
        yield Article(whole, tuple(examples))
    bench.close()


@dataclass(frozen=True, slots=True)
class Behind:
    """An example with all that the trained layers need of it.

    Attributes:
        article: The beginning it stands behind.
        x: What comes out of the layers that are left as they are, for the tokens that call, (tokens, width).
        keys, values: Of the tokens between the question and those, (trained layers, tokens, kv width).
    """

    example: Example
    article: KeysAndValues
    x: NDArray[np.float32]
    keys: NDArray[np.float16]
    values: NDArray[np.float16]

    @property
    def length(self) -> int:
        return int(len(self.example.held.tokens) + self.keys.shape[1])


class Trainer:
    """One model's upper layers, and an adapter for them.

    Args:
        end, call: Token numbers of what stands behind a question, and of what calls the adapter.
        yes, no: Token numbers of either word's spellings.
    """

    def __init__(
        self,
        weights: qwen2.Weights,
        end: Sequence[int],
        call: Sequence[int],
        yes: Sequence[int],
        no: Sequence[int],
        *,
        rank: int = RANK,
        seed: int = 0,
    ) -> None:
        self.weights, self.shape = weights, weights.shape
        self.first = round(self.shape.layers * FROM)
        self._end, self._call = list(end), list(call)
        self._layers = [weights.layer(n) for n in range(self.first, self.shape.layers)]
        self._norm = weights.last_norm()
        self._yes, self._no = weights.unembeddings(yes), weights.unembeddings(no)
        drawn = np.random.default_rng(seed)
        self.adapter: list[dict[str, tuple[Array, Array]]] = []
        for layer in self._layers:
            made = {}
            for name in ADAPTED:
                out, width = layer[name].shape
                down = drawn.normal(0, width**-0.5, (width, rank)).astype(np.float32)
                made[name] = (jnp.asarray(down), jnp.zeros((rank, out), jnp.float32))
            self.adapter.append(made)
        self._judge = jax.jit(self._odds)
        self._learn = jax.jit(self._step, donate_argnums=(0, 1))

    def behind(self, articles: Sequence[Article]) -> list[Behind]:
        """Takes each example through the layers that are left as they are, and the tokens before the call through all."""
        pairs = sorted(
            ((a, e) for a in articles for e in a.examples), key=lambda pair: len(pair[1].held.tokens)
        )
        ids = self._end + self._call
        x = [np.asarray(self.weights.embeddings(ids))] * len(pairs)
        entering: list[NDArray[np.float32]] = []
        kept: list[tuple[list[NDArray[np.float16]], list[NDArray[np.float16]]]] = [([], []) for _ in pairs]
        forward = jax.jit(partial(qwen2.forward, self.shape))
        between = len(self._end)
        for number in track(
            range(self.shape.layers), description="reading the call", console=Console(stderr=True)
        ):
            layer = self._layers[number - self.first] if number >= self.first else self.weights.layer(number)
            if number == self.first:
                entering = [one[between:] for one in x]
            for start in range(0, len(pairs), BATCH):
                rows = range(start, min(start + BATCH, len(pairs)))
                past = [_past(a.held, e.held, slice(number, number + 1)) for a, e in (pairs[i] for i in rows)]
                keys, values, seen, lengths = _batch(past)
                whole = np.stack([x[i] for i in rows] + [x[rows[-1]]] * (BATCH - len(rows)))
                positions = lengths[:, None] + np.arange(len(ids))
                out, k, v = (
                    np.asarray(one)
                    for one in forward(whole, layer, keys[0], values[0], seen, positions.astype(np.float32))
                )
                for place, i in enumerate(rows):
                    x[i] = out[place]
                    if number >= self.first:
                        kept[i][0].append(k[place, :between].astype(np.float16))
                        kept[i][1].append(v[place, :between].astype(np.float16))
        return [
            Behind(e, a.held, entering[i], np.stack(kept[i][0]), np.stack(kept[i][1]))
            for i, (a, e) in enumerate(pairs)
        ]

    def train(
        self, examples: Sequence[Behind], *, epochs: int = EPOCHS, rate: float = RATE, seed: int = 7
    ) -> None:
        """Adam (Kingma and Ba 2014, arXiv:1412.6980) on the cross-entropy of Yes against No, the rate falling to nothing."""
        order = random.Random(seed)
        steps = epochs * -(-len(examples) // BATCH)
        zeros = jax.tree.map(jnp.zeros_like, self.adapter)
        moments = (zeros, jax.tree.map(jnp.zeros_like, self.adapter))
        done, losses = 0, []
        for _ in track(range(epochs), description="training", console=Console(stderr=True)):
            # Of about one length, so that little is padded, but never the same ones.
            shuffled = sorted(examples, key=lambda e: e.length + order.random() * 200)
            batches = [shuffled[i : i + BATCH] for i in range(0, len(shuffled), BATCH)]
            order.shuffle(batches)
            for batch in batches:
                done += 1
                now = rate * min(1.0, done / 20) * max(0.05, 1 - done / steps)
                self.adapter, moments, loss = self._learn(
                    self.adapter,
                    moments,
                    self._layers,
                    *self._tensors(batch),
                    *_truth(batch),
                    now,
                    float(done),
                )
                losses.append(float(loss))
        sys.stdout.write(
            f"loss {np.mean(losses[: len(losses) // epochs]):.3f} to {np.mean(losses[-len(losses) // epochs :]):.3f}\n"
        )

    def judge(self, examples: Sequence[Behind]) -> NDArray[np.float64]:
        """Natural-log odds that each is answered."""
        found = []
        for start in range(0, len(examples), BATCH):
            batch = examples[start : start + BATCH]
            told = self._judge(self.adapter, self._layers, *self._tensors(batch))
            found += [float(one) for one in np.asarray(told)[: len(batch)]]
        return np.array(found)

    def write(self, path: Path) -> None:
        """As GGUF, in the form llama.cpp reads."""
        writer = gguf.GGUFWriter(path, "qwen2")
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(self.adapter[0][ADAPTED[0]][0].shape[1]))
        writer.add_key_value(
            "adapter.alora.invocation_tokens",
            self._call,
            gguf.GGUFValueType.ARRAY,
            sub_type=gguf.GGUFValueType.UINT32,
        )
        for number, made in enumerate(self.adapter, start=self.first):
            for name, (down, up) in made.items():
                stem = f"blk.{number}.{qwen2.TENSORS[name]}.weight"
                writer.add_tensor(f"{stem}.lora_a", np.ascontiguousarray(np.asarray(down).T, np.float16))
                writer.add_tensor(f"{stem}.lora_b", np.ascontiguousarray(np.asarray(up).T, np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    def _tensors(self, batch: Sequence[Behind]) -> tuple[Any, ...]:
        full = [*batch, *[batch[-1]] * (BATCH - len(batch))]
        past = []
        for one in full:
            keys, values = _past(one.article, one.example.held, slice(self.first, None))
            past.append((np.concatenate([keys, one.keys], 1), np.concatenate([values, one.values], 1)))
        keys, values, seen, lengths = _batch(past)
        x = np.stack([one.x for one in full])
        return x, keys, values, seen, (lengths[:, None] + np.arange(x.shape[1])).astype(np.float32)

    def _odds(
        self, adapter: list[qwen2.Lora], layers: list[qwen2.Layer], x: Array, keys: Array, values: Array,
        seen: Array, positions: Array,
    ) -> Array:  # fmt: skip
        for n, (layer, lora) in enumerate(zip(layers, adapter, strict=True)):
            x, _, _ = qwen2.forward(self.shape, x, layer, keys[n], values[n], seen, positions, lora)
        return qwen2.odds(x[:, -1], self._norm, self._yes, self._no, self.shape.epsilon)

    def _step(
        self, adapter: Any, moments: Any, layers: Any, x: Array, keys: Array, values: Array, seen: Array, positions: Array,
        truth: Array, counts: Array, rate: Array, step: Array,
    ) -> tuple[Any, Any, Array]:  # fmt: skip
        def loss_of(adapter: Any) -> Array:
            z = self._odds(adapter, layers, x, keys, values, seen, positions)
            each = jnp.maximum(z, 0) - z * truth + jnp.log1p(jnp.exp(-jnp.abs(z)))
            return (each * counts).sum() / counts.sum()

        loss, slope = jax.value_and_grad(loss_of)(adapter)
        size = jnp.sqrt(sum((one**2).sum() for one in jax.tree.leaves(slope)))
        slope = jax.tree.map(lambda one: one * jnp.minimum(1.0, 1 / (size + 1e-6)), slope)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slope)
        second = jax.tree.map(lambda m, g: 0.98 * m + 0.02 * g * g, moments[1], slope)

        def moved(a: Array, m: Array, v: Array) -> Array:
            return a - rate * (m / (1 - 0.9**step)) / (jnp.sqrt(v / (1 - 0.98**step)) + 1e-8)

        return jax.tree.map(moved, adapter, first, second), (first, second), loss


def _past(
    article: KeysAndValues, held: KeysAndValues, layers: slice
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    shared = len(held.tokens) - held.keys.shape[1]
    keys = np.concatenate([article.keys[layers, :shared], held.keys[layers]], 1)
    return keys, np.concatenate([article.values[layers, :shared], held.values[layers]], 1)


def _batch(
    past: Sequence[tuple[NDArray[np.float16], NDArray[np.float16]]],
) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.bool_], NDArray[np.int_]]:
    """Keys and values, (layers, batch, padded, kv width), which of them are there, and how many."""
    past = [*past, *[past[-1]] * (BATCH - len(past))]
    lengths = np.array([keys.shape[1] for keys, _ in past])
    padded = -(-int(lengths.max()) // _PADDED) * _PADDED
    layers, _, width = past[0][0].shape
    keys = np.zeros((layers, len(past), padded, width), np.float16)
    values, seen = np.zeros_like(keys), np.zeros((len(past), padded), bool)
    for i, (k, v) in enumerate(past):
        keys[:, i, : lengths[i]], values[:, i, : lengths[i]], seen[i, : lengths[i]] = k, v, True
    return keys, values, seen, lengths


def _truth(batch: Sequence[Behind]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Whether each is answered, and how much it counts: what only fills a batch counts nothing."""
    truth = np.zeros(BATCH, np.float32)
    truth[: len(batch)] = [one.example.tells for one in batch]
    counts = np.zeros(BATCH, np.float32)
    counts[: len(batch)] = 1
    return truth, counts


def main(arguments: Sequence[str]) -> None:
    """`citewire eval adapter --model embedded:NAME --cases SUITE ... [--judge SUITE ...] [--out FOLDER]`: trains the adapter that
    tells whether an article answers, on the tuned cases of suites; says how well it tells those of other suites. Needs 12 GB of
    memory, and some seconds a case on two cores."""
    parser = argparse.ArgumentParser(prog="citewire eval adapter", description=main.__doc__)
    parser.add_argument("--model", required=True, help="embedded:NAME of a Qwen2 model")
    parser.add_argument("--cases", action="append", required=True, help="a suite to train on")
    parser.add_argument("--judge", action="append", default=[], help="a suite to judge the adapter by")
    parser.add_argument("--limit", type=int, default=0, help="cases of each suite at the most")
    parser.add_argument("--without", type=Path, help="a case file whose cases are kept for another purpose")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, help="folder to write to; without it nothing is written")
    given = parser.parse_args(arguments)
    kept = given.without.read_text("utf-8").splitlines() if given.without else ()
    without = frozenset(str(json.loads(line)["id"]) for line in kept)
    with tempfile.TemporaryDirectory() as folder:
        name = given.model.partition(":")[2]
        engine = open_embedded(name, EngineOptions(states_dir=folder))
        try:
            found = {
                suite: [*collect(suite, engine, limit=given.limit, without=without)]
                for suite in dict.fromkeys([*given.cases, *given.judge])
            }
            end, call, yes, no = _numbers(engine)
            weights = qwen2.Weights(engine.weights_path())
        finally:
            engine.close()
    trainer = Trainer(weights, end, call, yes, no)
    learnt = trainer.behind([article for suite in given.cases for article in found[suite]])
    trainer.train(learnt, epochs=given.epochs)
    for suite in given.judge:
        examples = trainer.behind(found[suite])
        told = trainer.judge(examples)
        truth = np.array([float(one.example.tells) for one in examples])
        sys.stdout.write(f"{suite}: {len(examples)} cases, AUC {auc(truth, told):.3f}\n")
    if given.out:
        counted = ", ".join(
            f"{suite} ({sum(len(a.examples) for a in found[suite])})" for suite in given.cases
        )
        trainer.write(given.out / f"{name}.gguf")
        about = {
            "digest": engine.digest,
            "call": END + CALL,
            "prompts": {one: load(one).version for one in PROMPTS},
            "trained_on": counted,
        }
        (given.out / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def _numbers(engine: EmbeddedEngine) -> tuple[Sequence[int], ...]:
    spelt = [[i[0] for w in words if (i := engine.token_ids(w)) and len(i) == 1] for words in (YES, NO)]
    return engine.control_ids(END), engine.control_ids(CALL), *spelt
