"""A sentence model of three words and three numbers, written by hand: ONNX files are protocol buffers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer, models, pre_tokenizers

_WORDS = {"red": 1, "green": 2, "blue": 3, "[UNK]": 0}
_ROWS = [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

_FLOAT, _INT64 = 1, 7


def write_tiny_model(folder: Path, *, output: Literal["last_hidden_state", "sentence_embedding"]) -> None:
    """`model.onnx` and `tokenizer.json`: each word has a vector; a sentence's is their mean."""
    folder.mkdir(parents=True, exist_ok=True)
    words = Tokenizer(models.WordLevel(_WORDS, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(_model(output))


def _model(output: str) -> bytes:
    nodes = [_node("Gather", ["rows", "input_ids"], "last_hidden_state")]
    shape: tuple[str | int, ...] = ("batch", "sequence", 3)
    if output == "sentence_embedding":
        # Reduced over the words; axes are an attribute up to opset 17.
        axes = _bytes(1, b"axes") + _int(20, 7) + _int(8, 1)
        keep = _bytes(1, b"keepdims") + _int(20, 2) + _int(3, 0)
        nodes.append(_node("ReduceMean", ["last_hidden_state"], output, axes, keep))
        shape = ("batch", 3)
    graph = (
        b"".join(_bytes(1, node) for node in nodes)
        + _bytes(2, b"tiny")
        + _bytes(5, _tensor("rows", _ROWS))
        + _bytes(11, _value("input_ids", _INT64, ("batch", "sequence")))
        + _bytes(12, _value(output, _FLOAT, shape))
    )
    return _int(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _int(2, 13))


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    given = b"".join(_bytes(1, name.encode()) for name in inputs)
    return (
        given
        + _bytes(2, output.encode())
        + _bytes(4, kind.encode())
        + b"".join(_bytes(5, attribute) for attribute in attributes)
    )


def _tensor(name: str, rows: list[list[float]]) -> bytes:
    raw = b"".join(struct.pack("<3f", *row) for row in rows)
    return _int(1, len(rows)) + _int(1, 3) + _int(2, _FLOAT) + _bytes(8, name.encode()) + _bytes(9, raw)


def _value(name: str, kind: int, shape: tuple[str | int, ...]) -> bytes:
    sizes = b"".join(
        _bytes(1, _int(1, size) if isinstance(size, int) else _bytes(2, size.encode())) for size in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _int(1, kind) + _bytes(2, sizes)))


def _int(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])
