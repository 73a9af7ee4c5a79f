"""`tests.yaml` beside a bot file: questions, and what their answers must be like. Read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from appliance.bot import Finding
from appliance.botfiles.text_file import read_text
from appliance.botfiles.yaml_lines import YamlError, sequence
from appliance.bottests import TESTS_MAX, BotTest, checked
from appliance.errors import InvalidInput

NAME = "tests.yaml"
BYTES_MAX = 262_144
LISTS = ("cites", "says", "not_says", "tables")
_KEYS = BotTest.__struct_fields__


def read_tests_beside(bot_file: Path) -> tuple[list[BotTest], list[Finding]]:
    """The tests beside a bot file, none when there is no such file; every finding is an error."""
    path = bot_file.parent / NAME
    try:
        if not path.exists() and not path.is_symlink():
            return [], []
        return read_tests(read_text(path, BYTES_MAX))
    except InvalidInput as error:
        return [], [Finding(severity="error", line=1, message=error.text)]
    except OSError as error:
        return [], [Finding(severity="error", line=1, message=f"cannot be read: {error.strerror}")]


def read_tests(text: str) -> tuple[list[BotTest], list[Finding]]:
    """The good ones, and what is wrong with the others; with a finding the file as a whole is not good."""
    tests: list[BotTest] = []
    findings: list[Finding] = []
    try:
        entries = sequence(text.removeprefix("\ufeff"), what="the file")
    except YamlError as error:
        return [], [Finding(severity="error", line=error.line, message=str(error))]
    for line, entry in entries[: TESTS_MAX + 1]:
        try:
            if len(tests) == TESTS_MAX:
                raise ValueError(f"the file has more than {TESTS_MAX} tests")
            tests.append(_test(entry))
        except (ValueError, InvalidInput) as error:
            findings.append(Finding(severity="error", line=line, message=str(error)))
    return tests, findings


def _test(entry: Any) -> BotTest:
    """One entry; raises `ValueError`, `InvalidInput`."""
    if not isinstance(entry, dict):
        raise ValueError('must be a mapping that begins with `- ask: "…"`')
    strange = [str(key) for key in entry if str(key).replace("-", "_") not in _KEYS]
    if strange:
        known = ", ".join(key for key in _KEYS if key != "ask")
        raise ValueError(f"{strange[0][:40]!r} is no key of a test; beside ask there is {known}")
    given = {str(key).replace("-", "_"): value for key, value in entry.items()}
    values: dict[str, Any] = {}
    for key, value in given.items():
        values[key] = _value(key, value)
    if "ask" not in values:
        raise ValueError("has no question: write `ask: …`")
    try:
        return checked(msgspec.convert(values, BotTest))
    except msgspec.ValidationError as error:
        raise ValueError(f"is not as it must be: {error}") from None


def _value(key: str, value: Any) -> Any:
    """YAML is read as texts, so that nothing in it is guessed."""
    if key in LISTS:
        return _texts(key, value)
    if not isinstance(value, str):
        raise ValueError(f"{key} must be one plain value")
    if key == "refuses":
        if value not in ("true", "false"):
            raise ValueError(f"refuses must be true or false, not {value[:20]!r}")
        return value == "true"
    if key == "rows":
        if not value.isascii() or not value.isdecimal() or len(value) > 9:
            raise ValueError(f"rows must be a whole number, not {value[:20]!r}")
        return int(value)
    return value


def _texts(key: str, value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in entries):
        raise ValueError(f"{key} must be a text or a list of texts")
    return [str(one) for one in entries]
