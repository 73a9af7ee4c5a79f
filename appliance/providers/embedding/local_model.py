"""A sentence model by onnxruntime: texts, word pieces, windows, means. Only its own process imports this.

Whatever the model reads at once, nothing of a text stays unseen: it is cut into windows of word pieces, and
its vector is the mean of theirs, each with the weight of what it has read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy
import onnxruntime
from tokenizers import Encoding, Tokenizer

WINDOW = 256
"""Word pieces at once, with the two that begin and end each window: what MiniLM was trained for."""
BATCH_PIECES_MAX = 512
"""In one run, padding counted. More at once is no faster on two cores and takes memory by its square."""
THREADS = 2

_Floats: TypeAlias = "numpy.typing.NDArray[numpy.float32]"


class Sentences:
    """The loaded model; raises whatever its libraries do for files that are none."""

    def __init__(self, model: str, words: str) -> None:
        self._words = Tokenizer.from_file(words)
        self._words.no_padding()
        self._words.enable_truncation(max_length=WINDOW)
        self._session = onnxruntime.InferenceSession(model, _options(), providers=["CPUExecutionProvider"])
        self._inputs = {given.name: given.type for given in self._session.get_inputs()}
        if "input_ids" not in self._inputs:
            raise ValueError(f"the model takes {', '.join(self._inputs)} and no input_ids")
        self._output = _output_of([made.name for made in self._session.get_outputs()])

    def embed(self, texts: Sequence[str]) -> tuple[list[bytes], list[int]]:
        """For each text the mean of its windows' vectors, as little-endian float32, and its word pieces."""
        encodings = self._words.encode_batch(list(texts))
        windows = [
            (place, window)
            for place, encoding in enumerate(encodings)
            for window in (encoding, *encoding.overflowing)
        ]
        windows.sort(key=lambda one: len(one[1].ids))
        sums: list[Any] = [0.0] * len(texts)
        weights = [0] * len(texts)
        for batch in _batches(windows):
            vectors = self._run([window for _, window in batch])
            for (place, window), vector in zip(batch, vectors, strict=True):
                weight = _weight(window)
                sums[place] = sums[place] + weight * vector
                weights[place] += weight
        rows = [(total / weight).astype("<f4") for total, weight in zip(sums, weights, strict=True)]
        return [row.tobytes() for row in rows], weights

    def _run(self, windows: Sequence[Encoding]) -> _Floats:
        """Vectors of length 1, so that each window counts by its weight alone."""
        longest = max(len(window.ids) for window in windows)
        ids = numpy.zeros((len(windows), longest), numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = window.attention_mask
        known = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": numpy.zeros_like(ids),
            "position_ids": numpy.broadcast_to(numpy.arange(longest), ids.shape),
        }
        feed = {name: known[name].astype(_dtype(kind)) for name, kind in self._inputs.items()}
        (found,) = self._session.run([self._output], feed)
        if found.ndim == 3:
            found = _mean(found, mask)
        if found.ndim != 2 or len(found) != len(windows):
            raise ValueError(f"the model's {self._output} has the shape {found.shape}, which is no vectors")
        lengths = numpy.linalg.norm(found, axis=1, keepdims=True)
        vectors: _Floats = found / numpy.maximum(lengths, 1e-12)
        return vectors


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Its own arena keeps what the largest batch took; the rest of the machine may want it.
    options.enable_cpu_mem_arena = False
    # Threads that wait in a loop would take the other core from the server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _output_of(names: Sequence[str]) -> str:
    """A vector for the sentence where the model makes one, else the word pieces' own."""
    return next((name for name in ("sentence_embedding", "last_hidden_state") if name in names), names[0])


def _batches(windows: Sequence[tuple[int, Encoding]]) -> Iterator[list[tuple[int, Encoding]]]:
    """Windows come from short to long, so that little of a batch is padding."""
    batch: list[tuple[int, Encoding]] = []
    for window in windows:
        if batch and (len(batch) + 1) * len(window[1].ids) > BATCH_PIECES_MAX:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _weight(window: Encoding) -> int:
    return max(1, len(window.ids) - sum(window.special_tokens_mask))


def _mean(hidden: _Floats, mask: Any) -> _Floats:
    """Over the word pieces that are there."""
    present = mask[:, :, None].astype(numpy.float32)
    mean: _Floats = (hidden * present).sum(axis=1) / present.sum(axis=1)
    return mean


def _dtype(kind: str) -> str:
    return "int32" if "int32" in kind else "int64"
