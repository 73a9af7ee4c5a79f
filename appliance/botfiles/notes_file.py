"""The text of `schema-notes.yaml` -> notes by table or column. Pure."""

from __future__ import annotations

from appliance.botfiles import rule_values
from appliance.botfiles.fields import Field, Kind
from appliance.botfiles.yaml_lines import YamlError, settings
from appliance.errors import InvalidInput

NOTE = Field("note", "note", Kind(parse=str))


def read_notes(text: str) -> dict[str, str]:
    """Notes by `table` or `table.column`; raises `InvalidInput` that continues "schema-notes.yaml …"."""
    found: dict[str, str] = {}
    try:
        for setting in settings(text.removeprefix("\ufeff"), what="the file"):
            if setting.key in found:
                raise YamlError(setting.line, f"{setting.key} is given twice")
            try:
                found |= rule_values.notes({setting.key: setting.read(NOTE)})
            except ValueError as error:
                raise YamlError(setting.line, str(error)) from None
    except YamlError as error:
        raise InvalidInput(f"line {error.line}: {error}") from None
    return found
