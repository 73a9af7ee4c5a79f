"""`data.yaml`: what holds for every bot. Rules must never silently disappear, so nothing in it is guessed."""

from __future__ import annotations

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

from appliance.bot import Finding
from appliance.botfiles import rule_values
from appliance.botfiles.entries import each, verbatim
from appliance.botfiles.fields import HIDDEN_COLUMNS, NOTES, ROW_RULES, Field, Kind, hint
from appliance.botfiles.text_file import file_mark, read_text
from appliance.botfiles.yaml_lines import Setting, YamlError, settings
from appliance.datarules import DataConfig, DataRules
from appliance.errors import InvalidInput
from appliance.settings import Settings
from appliance.sqlguard import PUBLIC

log = logging.getLogger("appliance.data")

NAME = "data.yaml"
SETTLED_S = 1.0
"""A version without rules counts after this time: until then its writer may not be through."""
MISNAMED = ("data.yml", "Data.yaml", "Data.yml")
BYTES_MAX = 262_144
FILES_MAX = 9
"""SQLite attaches ten; one of them is the data file itself."""
SCHEMA_NAME = re.compile(r"(?!sqlite_)[a-z][a-z0-9_]{0,62}")
TAKEN = (PUBLIC, *rule_values.SQLITE_SCHEMAS)


def _one_by_line(_: str) -> Any:
    raise ValueError("must be a mapping like `warehouse: ./warehouse.db`")


def _files(data: Any) -> dict[str, str]:
    found = each(data, _file, form="`warehouse: ./warehouse.db`")
    if len(found) > FILES_MAX:
        raise ValueError(f"has {len(found)} files; {FILES_MAX} are the most")
    return found


def _file(schema: str, data: Any) -> str:
    if not SCHEMA_NAME.fullmatch(schema):
        raise ValueError(
            "the name of a schema has a to z, 0 to 9 and _, and starts with a letter, not sqlite_"
        )
    if schema in TAKEN:
        raise ValueError(f"{', '.join(TAKEN)} are taken; choose another name")
    path = verbatim(data, "a path")
    if not path.isprintable():
        raise ValueError("the path has characters that no path should have")
    return path


FIELDS = {
    field.key: field
    for field in (
        Field("row-rules", "row_rules", ROW_RULES),
        Field("hidden-columns", "hidden_columns", HIDDEN_COLUMNS),
        Field("data-files", "files", Kind(parse=_one_by_line, convert=_files)),
        Field("schema-notes", "notes", NOTES),
    )
}
"""Every key of the file; docs/data-rules.md tells them to people."""


def read_data_config(text: str, folder: Path) -> tuple[DataConfig, list[Finding]]:
    """What the text says; paths are relative to `folder`. Opens no file.

    Every finding is an error: with any of them the config must not be used.
    """
    values: dict[str, Any] = {}
    findings: list[Finding] = []
    try:
        found = settings(text.removeprefix("\ufeff"), what="the file")
    except YamlError as error:
        found, findings = [], [_error(error.line, str(error))]
    for setting in found:
        try:
            field = FIELDS.get(setting.key)
            if field is None:
                raise ValueError(f"is no key of this file{hint(setting.key, tuple(FIELDS))}")
            if field.attribute in values:
                raise ValueError("is given twice")
            values[field.attribute] = setting.read(field)
        except ValueError as error:
            findings.append(_told(setting, error))
    rules = DataRules(row_rules=values.get("row_rules", {}), hidden_columns=values.get("hidden_columns", {}))
    files = {name: os.path.abspath(folder / path) for name, path in values.get("files", {}).items()}
    return DataConfig(rules=rules, files=files, notes=values.get("notes", {})), findings


def _told(setting: Setting, error: ValueError) -> Finding:
    return _error(getattr(error, "line", None) or setting.line, f"{setting.key} {error}")


def _error(line: int, message: str) -> Finding:
    return Finding(severity="error", line=line, message=message)


def data_file(settings_: Settings) -> DataFile:
    """The file that the settings name; one that they name must be there."""
    if settings_.data_rules:
        return DataFile(Path(settings_.data_rules), required=True)
    return DataFile(Path(settings_.data, NAME))


class DataFile:
    """The file as it is now, or as it was when it was last good.

    For one thread. A file that is not there is an empty config, unless it is `required` or was there before.
    """

    def __init__(self, path: Path, *, required: bool = False) -> None:
        self.path = path
        self._required = required
        self._mark: tuple[int, ...] = ()
        self._good: DataConfig | None = None
        self._problem = ""

    def load(self) -> DataConfig:
        """Read it now; raises `InvalidInput` with every mistake in it, a line each."""
        self._mark = file_mark(self.path)
        config, found = self._examine()
        if found:
            told = [f"{self.path}:{finding.line}: error: {finding.message}" for finding in found]
            raise InvalidInput("\n".join(told))
        self._required = self._required or config is not None
        self._good, self._problem = config or DataConfig(), ""
        return self._good

    @property
    def is_there(self) -> bool:
        """Whether the version in use came from a file, not from the lack of one."""
        return self._good is not None and self._required

    def current(self) -> DataConfig:
        """The last good version, read again when the file has changed; raises only if there never was one.

        What is wrong with a new version is logged once.
        """
        if self._good is None:
            return self.load()
        if file_mark(self.path) == self._mark or self._may_be_half_written(self._good):
            return self._good
        try:
            self.load()
            log.info("%s: the rules of this file hold from now on", self.path)
        except InvalidInput as error:
            if error.text != self._problem:
                log.error("%s; the last good version stays in use", error.text)
            self._problem = error.text
        return self._good

    def _may_be_half_written(self, good: DataConfig) -> bool:
        """Whether all rules are gone from a file written a moment ago: some editors empty it first.

        Such a version counts when it has stood still for a while.
        """
        try:
            age_s = time.time() - self.path.stat().st_mtime
        except OSError:
            return False
        if not 0 <= age_s < SETTLED_S:
            return False
        config, found = self._examine()
        return not found and good.rules != DataRules() == (config or DataConfig()).rules

    def findings(self) -> list[Finding]:
        """Everything that is wrong with the file; empty when it is good, or rightly not there."""
        return self._examine()[1]

    def _examine(self) -> tuple[DataConfig | None, list[Finding]]:
        """The config, None without a file; and what is wrong."""
        try:
            text = read_text(self.path, BYTES_MAX)
        except FileNotFoundError:
            return None, self._absent()
        except InvalidInput as error:
            return None, [_error(1, error.text)]
        except OSError as error:
            return None, [_error(1, f"cannot be read: {error.strerror}")]
        config, found = read_data_config(text, self.path.parent)
        return config, found or _missing(config)

    def _absent(self) -> list[Finding]:
        if self._required or self.path.is_symlink():
            return [_error(1, "does not exist; its rules would be missing")]
        names = [name for name in MISNAMED if (self.path.parent / name).exists()]
        return [_error(1, f"does not exist, but {name} does; name it {NAME}") for name in names]


def _missing(config: DataConfig) -> list[Finding]:
    return [
        _error(1, f"data-files {name}: {path} is no file")
        for name, path in config.files.items()
        if not os.path.isfile(path)
    ]
