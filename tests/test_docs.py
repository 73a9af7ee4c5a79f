"""The docs name what there is: every setting, error code, route and command, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.cli import COMMANDS
from appliance.protocols.fluxbase import rest, words
from appliance.settings import VARIABLES, Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def rows(page: str, heading: str = "") -> list[list[str]]:
    """Cells of all tables of a page behind `heading`, without their head lines."""
    text = (DOCS / page).read_text().partition(heading)[2] if heading else (DOCS / page).read_text()
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(page: str, pattern: str, heading: str = "") -> set[str]:
    return {found for row in rows(page, heading) for found in re.findall(pattern, row[0])}


def test_every_setting_is_documented_with_its_default() -> None:
    told = {row[0].strip("`"): row[1].strip("`") for row in rows("settings.md") if row[0].startswith("`")}
    assert set(told) == set(VARIABLES)
    for variable, field in VARIABLES.items():
        default = getattr(Settings(), field)
        if variable.startswith("APPLIANCE_"):
            assert told[variable] == (f"{default:g}" if isinstance(default, float) else str(default)), (
                variable
            )


def test_every_error_code_of_the_socket_is_documented() -> None:
    told = names("fluxbase.md", r"^`([A-Z_]{4,})`$", "### Error codes")
    assert told == {*words.FRAME_CODES}


def test_every_route_is_documented() -> None:
    told = {
        (method, path)
        for row in rows("fluxbase.md", "## REST")
        for method, path in re.findall(r"`(\w+) (/[^`]*)`", row[0])
    }
    ours = {("POST", "/api/v1/ai/visitor"), ("GET", "/healthz"), ("GET", "/readyz")}
    assert told == ours | {(method, path) for method, path, _ in rest.ROUTES}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told_somewhere(command: str) -> None:
    pages = [ROOT / "README.md", *DOCS.glob("*.md")]
    assert any(f"appliance {command}" in page.read_text() for page in pages)


def prose(page: Path) -> str:
    """A page without its code, where a bracket is no link and a # no heading."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!`)`[^`\n]+`(?!`)(?=[^\n]*\]\()", "", text)


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links, as GitHub makes them."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_the_readme_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert [page.name for page in PAGES[1:] if f"(docs/{page.name})" not in text] == []
