"""Finds every protocol of this package by what its modules export, so that a new one is one file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType

from appliance import protocols
from appliance.protocols.base import Face
from appliance.protocols.sockets import SocketFace

MODULES = ("face", "admin_face", "socket")
"""Where a protocol that is a folder exports what it has; one that is a single file does so itself."""


def faces() -> tuple[Face, ...]:
    """Every `FACE`, by name; raises `ValueError` when two claim the same paths."""
    exported = [getattr(module, "FACE", None) for module in _modules()]
    found = tuple(sorted((face for face in exported if face), key=lambda face: face.name))
    claimed: dict[str, str] = {}
    for face in found:
        for path in (mount + prefix for mount in face.mounts for prefix in face.prefixes):
            if path in claimed:
                raise ValueError(f"{face.name} and {claimed[path]} both claim {path}")
            claimed[path] = face.name
    return found


def sockets() -> tuple[SocketFace, ...]:
    """Every `SOCKET`."""
    return tuple(socket for module in _modules() if (socket := getattr(module, "SOCKET", None)))


def _modules() -> tuple[ModuleType, ...]:
    return _modules_below(tuple(protocols.__path__))


@cache
def _modules_below(folders: tuple[str, ...]) -> tuple[ModuleType, ...]:
    """Found once: the folders stay as they are."""
    return tuple(_found(folders))


def _found(folders: Sequence[str]) -> Iterator[ModuleType]:
    """Single files, and of each folder the modules that have a protocol's name for it."""
    for found in sorted(pkgutil.iter_modules(folders), key=lambda one: one.name):
        name = f"{protocols.__name__}.{found.name}"
        if not found.ispkg:
            yield importlib.import_module(name)
            continue
        folder = importlib.import_module(name)
        inner = {one.name for one in pkgutil.iter_modules(folder.__path__)}
        for part in MODULES:
            if part in inner:
                yield importlib.import_module(f"{name}.{part}")
