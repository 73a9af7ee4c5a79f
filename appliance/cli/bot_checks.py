"""All that `appliance bots check` looks at, put together: files, tools, and with a data folder its data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from appliance.bot import Finding
from appliance.botfiles.companions import TOOLS
from appliance.botfiles.data_file import data_file
from appliance.botfiles.folder import LoadedFile, printable, tell
from appliance.botfiles.near_miss import near_misses
from appliance.cli.tool_checks import tools_of
from appliance.settings import Settings
from appliance.store.database import database_path


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The files with all findings about them, in the order of lines; and lines about other files.

    `of_data` are about data.yaml, `of_tools` about files `tools.py`, `misnamed` about
    files that are not read.
    """

    files: list[LoadedFile]
    of_data: list[str]
    of_tools: list[str]
    misnamed: list[str]

    @property
    def is_ok(self) -> bool:
        """Whether nothing is an error."""
        return not self.bad and not errors_among([*self.of_data, *self.of_tools])

    @property
    def bad(self) -> list[LoadedFile]:
        """The files with errors."""
        return [file for file in self.files if file.file.errors]


def errors_among(lines: Iterable[str]) -> list[str]:
    """The lines that tell of an error."""
    return [line for line in lines if ": error: " in line]


def checked(files: list[LoadedFile], folder: Path, chosen: Settings | None) -> Checked:
    """Look at everything; the data folder of `chosen` too, unless it is None."""
    of_data: list[str] = []
    of_tools: list[str] = []
    told: list[list[Finding]] = []
    for file in files:
        tools = tools_of(file, folder)
        path = file.path.with_name(TOOLS)
        of_tools += [tell(path, finding) for finding in tools.of_tools]
        told.append([*file.file.findings, *tools.of_bot])
    if chosen is not None:
        from_data, of_data = _held_against_data(files, chosen)
        told = [[*one, *more] for one, more in zip(told, from_data, strict=True)]
    misnamed = [
        f"{printable(str(path))}:1: warning: is not read; a bot file is named {meant}"
        for path, meant in near_misses(folder)
    ]
    return Checked(
        files=[_with_findings(file, findings) for file, findings in zip(files, told, strict=True)],
        of_data=of_data,
        of_tools=of_tools,
        misnamed=misnamed,
    )


def _held_against_data(files: list[LoadedFile], chosen: Settings) -> tuple[list[list[Finding]], list[str]]:
    """What a look at the data folder adds to each file's findings, and lines about data.yaml."""
    # Imported here: without a look at the data nothing of the database is needed.
    from appliance.cli.data_checks import DataChecks
    from appliance.cli.setting_checks import settings_of, stored_names

    rules = data_file(chosen)
    found = rules.findings()
    database = database_path(chosen.data)
    names = stored_names(database)
    told = [settings_of(file, names) for file in files]
    if not found and database.exists():
        checks = DataChecks(database, rules.load(), chosen)
        found = checks.of_data(rules.path)
        told = [[*one, *checks.of_bot(file)] for one, file in zip(told, files, strict=True)]
    return told, [tell(rules.path, finding) for finding in found]


def _with_findings(file: LoadedFile, findings: Iterable[Finding]) -> LoadedFile:
    ordered = sorted(findings, key=lambda finding: finding.line)
    return msgspec.structs.replace(file, file=msgspec.structs.replace(file.file, findings=ordered))
