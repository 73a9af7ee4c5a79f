"""The process of the local model: `python -m appliance.providers.embedding.local_worker OPTIONS`.

OPTIONS is a `LocalModel` as JSON. Reads `Ask`s from standard input and answers with `Told`s until the input
ends, one at a time. Nothing here opens a connection: both files are on the disk.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from appliance.providers.embedding.local_files import LocalModel
from appliance.providers.embedding.local_wire import Ask, Ready, Told, frame
from appliance.workers.frame import HEADER

if TYPE_CHECKING:
    from appliance.providers.embedding.local_model import Sentences

MEMORY_MIB = 1536
"""Address space; resident are some 250 MiB. What a model larger than usual takes comes on top."""
MODEL_FACTOR = 5
"""A model is read, parsed and laid out anew: so many times its file."""
NICENESS = 5
"""Behind the server, whose answers people are reading; documents have time."""

_MIB = 1024 * 1024


def main() -> None:
    """Serve until the input ends."""
    model = msgspec.json.decode(sys.argv[1], type=LocalModel)
    answers = _own_output()
    os.nice(NICENESS)
    _limit_memory(Path(model.model))
    try:
        sentences = _load(model)
    except Exception as error:  # whatever is wrong with a file, somebody has to read it
        _send(answers, Ready(fault=_line(error)))
        return
    _send(answers, Ready())
    while (body := _receive(sys.stdin.buffer)) is not None:
        texts = msgspec.msgpack.decode(body, type=Ask).texts
        try:
            vectors, weights = sentences.embed(texts)
            told = Told(vectors=vectors, weights=weights)
        except MemoryError:
            raise
        except Exception as error:  # one bad text is not the end of the process
            told = Told(fault=_line(error))
        _send(answers, told)


def _own_output() -> BinaryIO:
    """Standard output for ourselves; what a library prints goes to the log."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


def _limit_memory(model: Path) -> None:
    size = model.stat().st_size if model.exists() else 0
    most = MEMORY_MIB * _MIB + MODEL_FACTOR * size
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _load(model: LocalModel) -> Sentences:
    for path, wanted in ((model.model, model.model_sha256), (model.words, model.words_sha256)):
        with open(path, "rb") as file:
            if wanted and hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                raise ValueError(f"{path} is not the file that it should be; install its package again")
    from appliance.providers.embedding.local_model import Sentences  # numpy and onnxruntime

    return Sentences(model.model, model.words)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


def _receive(source: BinaryIO) -> bytes | None:
    header = source.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = source.read(length)
    return body if len(body) == length else None


def _send(answers: BinaryIO, message: Ready | Told) -> None:
    answers.write(frame(message))
    answers.flush()


if __name__ == "__main__":
    main()
