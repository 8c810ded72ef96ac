"""Reads the files in which llama.cpp keeps the keys and values of a prompt."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MAGIC, _VERSION, _F16 = 0x67677371, 4, 1


@dataclass(frozen=True, slots=True)
class KeysAndValues:
    """What an engine holds of a prompt.

    Attributes:
        tokens: Their numbers, (tokens,).
        keys, values: (layers, tokens, kv width), float16; keys with their positions turned in.
    """

    tokens: NDArray[np.int32]
    keys: NDArray[np.float16]
    values: NDArray[np.float16]


def read_state(path: Path) -> KeysAndValues:
    """Raises: ValueError: Not the state of one prompt as the pinned engine writes it."""
    raw = path.read_bytes()
    magic, version, count = struct.unpack_from("<III", raw)
    if (magic, version) != (_MAGIC, _VERSION):
        raise ValueError(f"{path} is not a state file of the version that this reads")
    header = np.frombuffer(raw, "<i4", count, 12)
    tokens = header[3 : 3 + header[2]].copy()  # behind a mark, a version and their count
    at = 12 + 4 * count
    (streams,) = struct.unpack_from("<I", raw, at)
    at += 4
    cells = 0
    for _ in range(streams):  # one a slot; all but one are empty
        (cells,) = struct.unpack_from("<I", raw, at)
        at += 4
        if cells:
            break
    positions = []
    for _ in range(cells):
        position, sequences = struct.unpack_from("<iI", raw, at)
        at += 8 + 4 * sequences
        positions.append(position)
    transposed, layers = struct.unpack_from("<II", raw, at)
    at += 16
    if transposed or not cells:
        raise ValueError(f"{path} holds no keys and values in the order that this reads")
    found = []
    for _ in range(2 * layers):
        kind, row = struct.unpack_from("<iQ", raw, at)
        at += 12
        if kind != _F16:
            raise ValueError(f"{path} holds keys or values that are not float16")
        found.append(np.frombuffer(raw, "<f2", cells * row // 2, at).reshape(cells, row // 2))
        at += cells * row
    order = np.argsort(positions)
    return KeysAndValues(tokens, np.stack(found[:layers])[:, order], np.stack(found[layers:])[:, order])
