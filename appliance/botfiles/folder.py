"""A folder of bot files: which files are bots, what they are called, and what each contains.

    <name>/bot.md, <name>/index.ts             default/<name>
    <ns>/…/<name>/bot.md, <ns>/…/<name>/index.ts    <ns>/<name>
    <name>.ts                                  default/<name>
    <ns>/<name>.ts                             <ns>/<name>, unless <ns> is a bot's folder itself

Folders whose names start with a dot, `node_modules` and `_shared` are skipped, and the `knowledge`
folder beside a bot file. The files of `companions.py` belong to the bot that they stand beside.
Everything that looks like a bot file and is none is reported, never skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from appliance.bot import BotFile, Finding
from appliance.botfiles.companions import companions, with_companions
from appliance.botfiles.reader import BYTES_MAX, read_bot
from appliance.botfiles.text_file import read_text
from appliance.errors import InvalidInput

BOT_FILES = ("bot.md", "index.ts")
SKIPPED = frozenset({"node_modules", "_shared"})
KNOWLEDGE = "knowledge"


class FoundFile(msgspec.Struct, frozen=True, kw_only=True):
    """A path that should be a bot file; `problem` says why it cannot be one."""

    path: Path
    namespace: str
    name: str
    problem: str = ""


class LoadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A bot file that was read; `file.bot` is None when it has errors. `modified_at` is Unix seconds."""

    path: Path
    namespace: str
    name: str
    file: BotFile
    modified_at: float = 0.0

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name)."""
        return (self.namespace, self.name)

    def tell(self, finding: Finding) -> str:
        """The finding as a line about this file."""
        return tell(self.path, finding)


def load_folder(root: Path) -> list[LoadedFile]:
    """Read every bot file below `root`, in a stable order; raises `InvalidInput` if it is no folder."""
    return refuse_doubles(load_file(found) for found in find_bots(root))


def find_bots(root: Path) -> list[FoundFile]:
    """Every bot file below `root` by name alone; raises `InvalidInput` if `root` is no folder."""
    if not root.is_dir():
        raise InvalidInput(f"the bots folder {root} does not exist or is no folder")
    return list(_walk(root, (), ()))


def load_file(found: FoundFile) -> LoadedFile:
    """Read one file; whatever is wrong with it becomes a finding."""
    modified_at = 0.0
    try:
        if found.problem:
            raise InvalidInput(found.problem)
        modified_at = found.path.stat().st_mtime
        text = read_text(found.path, BYTES_MAX)
        file = read_bot(str(found.path), text, name=found.name, namespace=found.namespace)
        file = with_companions(file, companions_of(found))
    except InvalidInput as error:
        file = _refused(error.text)
    except OSError as error:
        file = _refused(f"cannot be read: {error.strerror}")
    return LoadedFile(
        path=found.path,
        namespace=found.namespace,
        name=found.name,
        file=file,
        modified_at=modified_at,
    )


def companions_of(found: FoundFile) -> list[Path]:
    """The files that may stand beside a bot file and belong to it; none for a bot without an own folder."""
    return companions(found.path.parent) if found.path.name in BOT_FILES else []


def refuse_doubles(files: Iterable[LoadedFile]) -> list[LoadedFile]:
    """The same files, but the second of two with one key has an error instead of a bot."""
    first: dict[tuple[str, str], Path] = {}
    return [
        file
        if first.setdefault(file.key, file.path) == file.path
        else msgspec.structs.replace(
            file,
            file=_refused(f"{first[file.key]} defines {file.namespace}/{file.name} already"),
        )
        for file in files
    ]


def _refused(message: str) -> BotFile:
    return BotFile(bot=None, findings=[Finding(severity="error", line=1, message=message)])


def _walk(folder: Path, parts: tuple[str, ...], above: tuple[tuple[int, int], ...]) -> Iterator[FoundFile]:
    """Bot files of `folder`, which is reached from the root by `parts`; `above` are the folders passed."""
    try:
        identity = _identity(folder)
        if identity in above:
            raise InvalidInput("is a symbolic link back to a folder that it is in")
        names = sorted(os.listdir(folder))
    except InvalidInput as error:
        yield _found(folder, parts, error.text)
        return
    except OSError as error:
        yield _found(folder, parts, f"cannot be read: {error.strerror}")
        return
    is_bot = any(name in BOT_FILES for name in names)
    for name in names:
        path = folder / name
        if name in BOT_FILES:
            yield _found(path, parts)
        elif _is_loose_bot(name) and len(parts) < 2 and not is_bot:
            yield _found(path, (*parts, name.removesuffix(".ts")))
        elif _is_walked(name, is_bot) and path.is_dir():
            yield from _walk(path, (*parts, name), (*above, identity))
        elif _is_walked(name, is_bot) and path.is_symlink() and not path.exists():
            yield _found(path, (*parts, name), "is a symbolic link that leads nowhere")


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return (status.st_dev, status.st_ino)


def _is_loose_bot(name: str) -> bool:
    return name.endswith(".ts") and not name.endswith(".d.ts") and not name.startswith(".")


def _is_walked(name: str, is_bot: bool) -> bool:
    return not (name.startswith(".") or name in SKIPPED or (is_bot and name == KNOWLEDGE))


def _found(path: Path, parts: tuple[str, ...], problem: str = "") -> FoundFile:
    namespace = parts[0] if len(parts) > 1 else "default"
    name = parts[-1] if parts else path.parent.name
    if not parts:
        problem = problem or f"a bot file needs a folder of its own: <name>/{path.name}"
    elif not all(part.isprintable() and part == part.strip() for part in parts):
        problem = problem or "the names of its folders must be printable text without outer spaces"
    return FoundFile(path=path, namespace=printable(namespace), name=printable(name), problem=problem)


def tell(path: Path, finding: Finding) -> str:
    """`path:line: error: message`, the form that editors can jump to."""
    return f"{printable(str(path))}:{finding.line}: {finding.severity}: {finding.message}"


def printable(text: str) -> str:
    """A name or path of the file system as text that can be printed and sent, whatever its bytes."""
    return text.encode(errors="replace").decode()
