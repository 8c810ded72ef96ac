"""Trains the adapter by which a model tells whether an article answers a question, and what (bot/models/adapter.py).

Asked in words, a small model hardly knows whether it does (AUC 0.6). But its state behind the question, in its middle layers,
holds it: a linear probe there tells articles it has not seen with 0.84 to 0.9. The adapter (low rank: Hu et al. 2021,
arXiv:2106.09685) brings that to the first token of a reply, and has the answer written behind it as people wrote theirs. It
changes the upper layers only, and only for the tokens that call it and those it writes, so that everything before them is taken
from the engine as it is served, and a step of training costs those few tokens.
"""

import argparse
import json
import random
import re
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
from bot.questions import Kind, kind_of
from evals import qwen2
from evals.engine_states import KeysAndValues, read_state
from evals.fit import auc
from evals.suites import load_suite
from evals.types import Case
from evals.workbench import LocalWorkbench

END, CALL, BEFORE_REPLY, STOP = (
    "<|im_end|>\n<|im_start|>",
    "does the article answer?\n",
    "Yes\n",
    "<|im_end|>",
)
"""What stands behind a question, what calls the adapter (it acts on these tokens and all behind them), what stands between that
and an answer, and behind the answer. No prompt holds the call: what was computed with the adapter is never taken for what was
computed without."""
PROMPTS = ("read", "opening", "draft", "tasks")
RANK, RATE, EPOCHS, BATCH = 16, 5e-4, 3, 16
ADAPTED = ("q", "k", "v", "o")
FROM = 4 / 7
"""Share of the layers that are left as they are: a probe tells most behind these."""
_PADDED, _PADDED_CALL, _SHORT = 256, 16, 8
"""The past of a batch, and what stands behind it, are padded to a multiple of so many tokens: each length is compiled anew."""
_COMMON = 32_768
"""A byte-pair vocabulary begins with its commonest tokens. A reply's token is learnt against so many of them and all others of
the replies: the rest would cost a fifth of a step."""
_REPLY, _POLAR = 0.15, 4.0
"""How much a token of a reply counts beside Yes or No, and the first of a reply to a yes-or-no question beside the others."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question behind one article.

    Attributes:
        tells: Whether the article answers it.
        held: What the engine holds of the prompt behind the article's beginning.
        reply: Tokens of the answer to be learnt, with the one that ends it; empty where none is.
    """

    suite: str
    id: str
    tells: bool
    held: KeysAndValues
    reply: tuple[int, ...] = ()


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
    beside: int = 0,
) -> Iterator[Article]:
    """Each tuned case of a suite behind the article that is found first for it.

    Of a question whose evidence stands in other articles alone, the article found first does not answer it. Follow-ups and false
    premises are left out, of which nobody says whether they are answered.

    Args:
        without: Questions that are kept for another purpose.
        beside: So many articles that are found next are asked too.
    """
    from bot.answering import ChainOptions
    from bot.candidates import find_candidates
    from bot.questions import without_orders
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
        for candidate in find_candidates(text, hits, library, most=1 + beside):
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
            # Copies: a view would hold the whole article once a question.
            rest = KeysAndValues(state.tokens, state.keys[:, shared:].copy(), state.values[:, shared:].copy())
            reply = engine.token_ids(reply_of(case)) if tells else None
            ended = (*reply, *engine.control_ids(STOP)) if reply else ()
            examples.append(Example(suite.name, case.id, tells, rest, ended))
        yield Article(whole, tuple(examples))
    bench.close()


_BRIEF: frozenset[Kind] = frozenset({"who", "when", "where", "number"})
"""Asked for these, one name, date or figure is the answer. What has several parts is better told in a sentence."""


def reply_of(case: Case) -> str:
    """What is to be learnt to answer: a sentence, or for a name, date or figure the first reference answer as one; "" without."""
    brief = kind_of(case.question) in _BRIEF or not case.reference
    told = (case.answers[0] if brief and case.answers else case.reference).strip()
    return f"{told[:1].upper()}{told[1:]}{'' if _ENDED.search(told) else '.'}" if told else ""


_ENDED = re.compile(r"[.!?]\W{0,2}$")


@dataclass(frozen=True, slots=True)
class Behind:
    """An example with all that the trained layers need of it.

    Attributes:
        article: The beginning it stands behind.
        x: What comes out of the layers that are left as they are, for the tokens that call and those of the reply but its
            last, (tokens, width).
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


@dataclass(frozen=True, slots=True)
class Tokens:
    """Numbers in a model's vocabulary.

    Attributes:
        end: Stand behind a question.
        call: Call the adapter.
        before_reply: Stand between the call and an answer.
        yes, no: Either word's spellings.
    """

    end: tuple[int, ...]
    call: tuple[int, ...]
    before_reply: tuple[int, ...]
    yes: tuple[int, ...]
    no: tuple[int, ...]


class Trainer:
    """One model's upper layers, and an adapter for them."""

    def __init__(self, weights: qwen2.Weights, tokens: Tokens, *, rank: int = RANK, seed: int = 0) -> None:
        self.weights, self.shape, self.tokens = weights, weights.shape, tokens
        self.first = round(self.shape.layers * FROM)
        self._layers = [weights.layer(n) for n in range(self.first, self.shape.layers)]
        self._norm = weights.last_norm()
        self._yes, self._no = weights.unembeddings(tokens.yes), weights.unembeddings(tokens.no)
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
            ((a, e) for a in articles for e in a.examples),
            key=lambda pair: (bool(pair[1].reply), len(pair[1].held.tokens)),
        )
        between = len(self.tokens.end)
        ids = [self._ids(example) for _, example in pairs]
        known, places = np.unique(np.concatenate(ids), return_inverse=True)
        embedded = np.asarray(self.weights.embeddings(known.tolist()))[places]
        x = np.split(embedded, np.cumsum([len(one) for one in ids])[:-1])
        entering: list[NDArray[np.float32]] = []
        kept: list[tuple[list[NDArray[np.float16]], list[NDArray[np.float16]]]] = [([], []) for _ in pairs]
        forward = jax.jit(partial(qwen2.forward, self.shape))
        for number in track(
            range(self.shape.layers), description="reading the call", console=Console(stderr=True)
        ):
            layer = self._layers[number - self.first] if number >= self.first else self.weights.layer(number)
            if number == self.first:
                entering = [one[between:] for one in x]
                x = [one[:between] for one in x]
            for start in range(0, len(pairs), BATCH):
                rows = range(start, min(start + BATCH, len(pairs)))
                past = [_past(a.held, e.held, slice(number, number + 1)) for a, e in (pairs[i] for i in rows)]
                keys, values, seen, lengths = _batch(past, BATCH)
                whole = _stacked([x[i] for i in rows], BATCH)
                positions = lengths[:, None] + np.arange(whole.shape[1])
                out, k, v = (
                    np.asarray(one)
                    for one in forward(whole, layer, keys[0], values[0], seen, positions.astype(np.float32))
                )
                for place, i in enumerate(rows):
                    x[i] = out[place, : len(x[i])]
                    if number >= self.first:
                        kept[i][0].append(k[place, :between].astype(np.float16))
                        kept[i][1].append(v[place, :between].astype(np.float16))
        return [
            Behind(e, a.held, entering[i], np.stack(kept[i][0]), np.stack(kept[i][1]))
            for i, (a, e) in enumerate(pairs)
        ]

    def _ids(self, example: Example) -> tuple[int, ...]:
        """What stands behind an example's question, to the last token of the reply but one."""
        called = self.tokens.end + self.tokens.call
        return called + self.tokens.before_reply + example.reply[:-1] if example.reply else called

    def train(
        self, examples: Sequence[Behind], *, epochs: int = EPOCHS, rate: float = RATE, seed: int = 7
    ) -> None:
        """Adam (Kingma and Ba 2014, arXiv:1412.6980) on the cross-entropy of Yes against No and of the replies, the rate
        falling to nothing.

        Each batch has its share of examples with a reply to learn and of those without: the latter have few tokens.
        """
        order = random.Random(seed)
        in_replies = {token for e in examples for token in e.example.reply}
        vocabulary = np.array(sorted(in_replies | {*range(min(_COMMON, self.weights.vocabulary))}))
        unembedding = self.weights.unembeddings(vocabulary.tolist())
        groups = [[e for e in examples if bool(e.example.reply) == replying] for replying in (True, False)]
        long = round(BATCH * len(groups[0]) / len(examples))
        long = min(max(long, bool(groups[0])), BATCH - bool(groups[1]))
        sizes = (long, BATCH - long)
        count = max(-(-len(group) // size) for group, size in zip(groups, sizes, strict=True) if size)
        steps = epochs * count
        moments = (jax.tree.map(jnp.zeros_like, self.adapter), jax.tree.map(jnp.zeros_like, self.adapter))
        losses: list[tuple[float, float]] = []
        for step in track(range(steps), description="training", console=Console(stderr=True)):
            if step % count == 0:
                dealt = [_deal(g, n, count, order) for g, n in zip(groups, sizes, strict=True)]
            parts = [
                (self._tensors(one[step % count], n), self._targets(one[step % count], n, vocabulary))
                for one, n in zip(dealt, sizes, strict=True)
                if n
            ]
            now = rate * min(1.0, (step + 1) / 20) * max(0.05, 1 - step / steps)
            self.adapter, moments, (polar, written) = self._learn(
                self.adapter, moments, self._layers, unembedding, parts, now, float(step + 1)
            )
            losses.append((float(polar), float(written)))
            if (step + 1) % count == 0:
                means = np.mean(losses[-count:], 0)
                sys.stdout.write(
                    f"epoch {(step + 1) // count}: loss of Yes or No {means[0]:.3f}, of a reply's token {means[1]:.3f}\n"
                )
                sys.stdout.flush()

    def judge(self, examples: Sequence[Behind]) -> NDArray[np.float64]:
        """Natural-log odds that each is answered."""
        found = []
        for start in range(0, len(examples), BATCH):
            batch = examples[start : start + BATCH]
            told = self._judge(self.adapter, self._layers, *self._tensors(batch, BATCH))
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
            list(self.tokens.call),
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

    def _tensors(self, batch: Sequence[Behind], rows: int) -> tuple[Any, ...]:
        past = []
        for one in batch:
            keys, values = _past(one.article, one.example.held, slice(self.first, None))
            past.append((np.concatenate([keys, one.keys], 1), np.concatenate([values, one.values], 1)))
        keys, values, seen, lengths = _batch(past, rows)
        x = _stacked([one.x for one in batch], rows)
        return x, keys, values, seen, (lengths[:, None] + np.arange(x.shape[1])).astype(np.float32)

    def _targets(
        self, batch: Sequence[Behind], rows: int, vocabulary: NDArray[np.int_]
    ) -> tuple[NDArray[Any], ...]:
        """Whether each is answered and how much it counts, (rows,); the places in the vocabulary of its reply's tokens and how
        much each counts, (rows, tokens): what only fills a batch counts nothing, and the token on which a yes or no hangs more.
        """
        truth, counts = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
        truth[: len(batch)] = [one.example.tells for one in batch]
        counts[: len(batch)] = 1
        before = len(self.tokens.call) + len(self.tokens.before_reply)
        longest = max(len(one.x) for one in batch)
        width = _padded_call(longest) - before + 1 if any(one.example.reply for one in batch) else 0
        reply, weight = np.zeros((rows, width), np.int32), np.zeros((rows, width), np.float32)
        for i, one in enumerate(batch):
            told = one.example.reply
            reply[i, : len(told)], weight[i, : len(told)] = np.searchsorted(vocabulary, told), 1
            if told and told[0] in (*self.tokens.yes, *self.tokens.no):
                weight[i, 0] = _POLAR
        return truth, counts, reply, weight

    def _hidden(
        self, adapter: list[qwen2.Lora], layers: list[qwen2.Layer], x: Array, keys: Array, values: Array,
        seen: Array, positions: Array,
    ) -> Array:  # fmt: skip
        for n, (layer, lora) in enumerate(zip(layers, adapter, strict=True)):
            x, _, _ = qwen2.forward(self.shape, x, layer, keys[n], values[n], seen, positions, lora)
        return x

    def _odds(self, adapter: list[qwen2.Lora], layers: list[qwen2.Layer], *tensors: Array) -> Array:
        called = self._hidden(adapter, layers, *tensors)[:, len(self.tokens.call) - 1]
        return qwen2.odds(called, self._norm, self._yes, self._no, self.shape.epsilon)

    def _step(
        self, adapter: Any, moments: Any, layers: Any, vocabulary: Array, parts: Any, rate: Array, step: Array
    ) -> tuple[Any, Any, tuple[Array, Array]]:
        call, before = len(self.tokens.call), len(self.tokens.call) + len(self.tokens.before_reply)

        def loss_of(adapter: Any) -> tuple[Array, tuple[Array, Array]]:
            polar, answered, written, tokens = jnp.zeros(4)
            for tensors, (truth, counts, reply, weight) in parts:
                hidden = self._hidden(adapter, layers, *tensors)
                z = qwen2.odds(hidden[:, call - 1], self._norm, self._yes, self._no, self.shape.epsilon)
                each = jnp.maximum(z, 0) - z * truth + jnp.log1p(jnp.exp(-jnp.abs(z)))
                polar, answered = polar + (each * counts).sum(), answered + counts.sum()
                if reply.shape[1]:
                    h = qwen2.normed(hidden[:, before - 1 :], self._norm, self.shape.epsilon)
                    scores = h @ vocabulary.T
                    chosen = jnp.take_along_axis(scores, reply[..., None], -1)[..., 0]
                    surprise = jax.nn.logsumexp(scores, -1) - chosen
                    written, tokens = written + (surprise * weight).sum(), tokens + weight.sum()
            told = (polar / answered, written / (tokens + 1e-6))
            return told[0] + _REPLY * written / answered, told

        (_, told), slope = jax.value_and_grad(loss_of, has_aux=True)(adapter)
        size = jnp.sqrt(sum((one**2).sum() for one in jax.tree.leaves(slope)))
        slope = jax.tree.map(lambda one: one * jnp.minimum(1.0, 1 / (size + 1e-6)), slope)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slope)
        second = jax.tree.map(lambda m, g: 0.98 * m + 0.02 * g * g, moments[1], slope)

        def moved(a: Array, m: Array, v: Array) -> Array:
            return a - rate * (m / (1 - 0.9**step)) / (jnp.sqrt(v / (1 - 0.98**step)) + 1e-8)

        return jax.tree.map(moved, adapter, first, second), (first, second), told


def _deal(group: Sequence[Behind], size: int, count: int, order: random.Random) -> list[list[Behind]]:
    """So many batches of a group, each of examples of about one length, so that little is padded, but never the same ones.

    The length of a reply counts first: each of its tokens goes through all trained layers and the vocabulary.

    What a group is short of in its last batches is dealt again.
    """
    if not size:
        return []
    chosen = [*group]
    while len(chosen) < size * count:
        chosen += order.sample(group, min(len(group), size * count - len(chosen)))
    chosen.sort(key=lambda e: (_padded_call(len(e.x)), e.length + order.random() * 200))
    batches = [chosen[i * size : (i + 1) * size] for i in range(count)]
    order.shuffle(batches)
    return batches


def _padded(length: int, to: int) -> int:
    return -(-length // to) * to


def _padded_call(length: int) -> int:
    return _padded(length, _PADDED_CALL if length > _SHORT else _SHORT)


def _stacked(rows: Sequence[NDArray[np.float32]], count: int) -> NDArray[np.float32]:
    """(count, tokens, width), zero where a row ends before the longest, or there is none."""
    whole = np.zeros((count, _padded_call(max(len(row) for row in rows)), rows[0].shape[1]), np.float32)
    for i, row in enumerate(rows):
        whole[i, : len(row)] = row
    return whole


def _past(
    article: KeysAndValues, held: KeysAndValues, layers: slice
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    shared = len(held.tokens) - held.keys.shape[1]
    keys = np.concatenate([article.keys[layers, :shared], held.keys[layers]], 1)
    return keys, np.concatenate([article.values[layers, :shared], held.values[layers]], 1)


def _batch(
    past: Sequence[tuple[NDArray[np.float16], NDArray[np.float16]]], rows: int
) -> tuple[NDArray[np.float16], NDArray[np.float16], NDArray[np.bool_], NDArray[np.int_]]:
    """Keys and values, (layers, rows, padded, kv width), which of them are there, and how many."""
    past = [*past, *[past[-1]] * (rows - len(past))]
    lengths = np.array([keys.shape[1] for keys, _ in past])
    padded = _padded(int(lengths.max()), _PADDED)
    layers, _, width = past[0][0].shape
    keys = np.zeros((layers, len(past), padded, width), np.float16)
    values, seen = np.zeros_like(keys), np.zeros((len(past), padded), bool)
    for i, (k, v) in enumerate(past):
        keys[:, i, : lengths[i]], values[:, i, : lengths[i]], seen[i, : lengths[i]] = k, v, True
    return keys, values, seen, lengths


def main(arguments: Sequence[str]) -> None:
    """`citewire eval adapter --model embedded:NAME --cases SUITE ... [--judge SUITE ...] [--out FOLDER]`: trains the adapter that
    tells whether an article answers, and what, on the tuned cases of suites and their first reference answers; says how well it
    tells whether those of other suites are answered. Needs 16 GB of memory, and some seconds a case on two cores."""
    parser = argparse.ArgumentParser(prog="citewire eval adapter", description=main.__doc__)
    parser.add_argument("--model", required=True, help="embedded:NAME of a Qwen2 model")
    parser.add_argument("--cases", action="append", required=True, help="a suite to train on")
    parser.add_argument("--judge", action="append", default=[], help="a suite to judge the adapter by")
    parser.add_argument("--limit", type=int, default=0, help="cases of each suite at the most")
    parser.add_argument(
        "--without", action="append", default=[], type=Path, help="a case file to train on none of"
    )
    parser.add_argument(
        "--beside", type=int, default=0, help="articles found next that each question is asked of too"
    )
    parser.add_argument(
        "--language", action="append", help="of the questions, such as en, which it is asked in"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, help="folder to write to; without it nothing is written")
    given = parser.parse_args(arguments)
    kept = [line for path in given.without for line in path.read_text("utf-8").splitlines()]
    without = frozenset(str(json.loads(line)["id"]) for line in kept)
    with tempfile.TemporaryDirectory() as folder:
        name = given.model.partition(":")[2]
        engine = open_embedded(name, EngineOptions(states_dir=folder))
        try:
            found = {
                suite: [*collect(suite, engine, limit=given.limit, without=without, beside=given.beside)]
                for suite in dict.fromkeys([*given.cases, *given.judge])
            }
            tokens = numbers_of(engine)
            weights = qwen2.Weights(engine.weights_path())
        finally:
            engine.close()
    trainer = Trainer(weights, tokens)
    learnt = trainer.behind([article for suite in given.cases for article in found[suite]])
    trainer.train(learnt, epochs=given.epochs)
    for suite in given.judge:
        examples = trainer.behind(found[suite])
        told = trainer.judge(examples)
        truth = np.array([float(one.example.tells) for one in examples])
        sys.stdout.write(f"{suite}: {len(examples)} cases, AUC {auc(truth, told):.3f}\n")
    if given.out:
        trainer.write(given.out / f"{name}.gguf")
        counts = [(suite, [e for a in found[suite] for e in a.examples]) for suite in given.cases]
        about = {
            "digest": engine.digest,
            "call": END + CALL,
            "before_reply": BEFORE_REPLY,
            "prompts": {one: load(one).version for one in PROMPTS},
            "languages": given.language or ["en"],
            "trained_on": ", ".join(
                f"{suite} ({len(of)}, {sum(bool(e.reply) for e in of)} with replies)" for suite, of in counts
            ),
        }
        (given.out / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")


def numbers_of(engine: EmbeddedEngine) -> Tokens:
    """The tokens of its vocabulary that training needs."""
    spelt = [tuple(i[0] for w in words if (i := engine.token_ids(w)) and len(i) == 1) for words in (YES, NO)]
    return Tokens(engine.control_ids(END), engine.control_ids(CALL), engine.control_ids(BEFORE_REPLY), *spelt)
