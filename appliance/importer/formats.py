"""Which reader a file needs: by its suffix, else by what it begins with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appliance.errors import InvalidInput
from appliance.importer import sqlite_file
from appliance.importer.json_file import JsonFile
from appliance.importer.names import check_table_name, given_table_name, table_name
from appliance.importer.source import Source
from appliance.importer.table_file import TableFile
from appliance.importer.text_file import head

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
"""Suffix -> format; text may be packed (`.csv.gz`)."""


def open_sources(paths: Sequence[Path], table: str | None = None) -> list[Source]:
    """The tables that these files hold, in their order.

    `table` names the one table (of a SQLite file: picks it). Raises `InvalidInput` for a file that is
    missing or empty, a name that is reserved, and one name for two tables.
    """
    if table is not None and len(paths) > 1:
        raise InvalidInput("--table names one table, so it takes one file; import the others without it")
    sources = [source for path in paths for source in _open(path, table)]
    seen: dict[str, Path] = {}
    for source in sources:
        check_table_name(source.table)
        if source.table.lower() in seen:
            raise InvalidInput(
                f"{source.path}: the table {source.table!r} comes from {seen[source.table.lower()]} already; "
                "import one of them with --table NAME"
            )
        seen[source.table.lower()] = source.path
    return sources


def _open(path: Path, table: str | None) -> Sequence[Source]:
    if path.exists() and not path.is_file():
        raise InvalidInput(f"{path}: this is not a regular file; name the files to import")
    start = head(path)
    if not start:
        raise InvalidInput(f"{path}: the file is empty")
    name = table_name(path) if table is None else given_table_name(table)
    match _format(path, start):
        case "sqlite":
            return sqlite_file.tables(path, table)
        case "json":
            return [JsonFile(path, name, lines=False)]
        case "ndjson":
            return [JsonFile(path, name, lines=True)]
        case "tsv":
            return [TableFile(path, name, delimiter="\t")]
        case _:
            return [TableFile(path, name)]


def _format(path: Path, start: bytes) -> str:
    if start.startswith(sqlite_file.MAGIC):
        return "sqlite"
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if suffix in FORMATS:
        return FORMATS[suffix]
    return "json" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"[", b"{"} else "csv"
