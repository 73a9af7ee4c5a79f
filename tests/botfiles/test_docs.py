"""docs/bots.md lists every setting, and its examples and defaults are what the code reads."""

import re
from pathlib import Path

import pytest

from appliance.bot import Bot
from appliance.botfiles.fields import BY_KEY, FIELDS
from appliance.botfiles.reader import read_bot
from appliance.tools.bound import Bound
from appliance.tools.filters import OPERATORS, where

DOCS = Path(__file__).parents[2] / "docs" / "bots.md"
SECTION = DOCS.read_text().partition("\n## Settings\n")[2].partition("\n### ")[0]
ROWS = [
    re.fullmatch(r"\| `(.+?)` \| `(.+?)` \| `(.+?)` \| (?:`(.+?)`|none) \|(.*) \|", line)
    for line in SECTION.splitlines()
    if line.startswith("| `")
]
"""Matches of: key, annotation, front matter, default (None for none), meaning."""


def test_every_setting_has_its_row_and_no_row_is_left_over() -> None:
    assert [row and row[1] for row in ROWS] == [field.key for field in FIELDS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_both_spellings_set_the_same_value(row: re.Match[str]) -> None:
    key, typescript, markdown, default, _ = row.groups()
    attribute = BY_KEY[key].attribute
    from_ts = read_bot("x.ts", f"// {typescript}\nexport default 'p'", name="x", namespace="n")
    from_md = read_bot("bot.md", f"---\n{markdown}\n---\np", name="x", namespace="n")
    values = [getattr(file.bot, attribute) for file in (from_ts, from_md)]
    if key == "conversation-ttl":  # the row shows two spellings of one time
        assert values == [5400, 5400]
    assert values[0] == values[1]
    promised = getattr(Bot(name="x"), attribute)
    assert values[0] != promised, "an example shows a value that is not the default"
    if default is None:
        assert promised in ("", None, [], {})
    else:
        assert BY_KEY[key].parse(default) == promised


def test_aliases_are_mentioned() -> None:
    for field, row in zip(FIELDS, ROWS, strict=True):
        for alias in field.aliases:
            assert row
            assert f"`{alias}`" in row[5], alias


def test_the_two_examples_are_the_same_bot() -> None:
    text = DOCS.read_text()
    markdown = re.search(r"```markdown\n(.*?)```", text, re.S)
    typescript = re.search(r"```typescript\n(.*?)```", text, re.S)
    assert markdown
    assert typescript
    from_md = read_bot("bot.md", markdown[1], name="support", namespace="default")
    from_ts = read_bot("index.ts", typescript[1], name="support", namespace="default")
    assert from_md.findings == from_ts.findings == []
    assert from_md.bot == from_ts.bot


@pytest.mark.parametrize("front", re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.S))
def test_every_example_of_settings_is_read_without_a_finding(front: str) -> None:
    file = read_bot("bot.md", f"---\ndescription: d\n{front}---\np", name="x", namespace="n")
    assert file.findings == []


def test_the_conditions_of_the_table_are_understood() -> None:
    table = DOCS.read_text().partition("| condition | holds for |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines()[2:]]
    conditions = [one for row in rows for one in re.findall(r"`([a-z.]+\.[^`]+)`", row)]
    assert {one.partition(".")[0] for one in conditions} == {*OPERATORS, "not"}
    for one in conditions:
        assert where({"x": one}, Bound()), one
