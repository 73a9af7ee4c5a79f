"""The docs name what there is: every setting, error code, route and command, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.cli import COMMANDS
from appliance.protocols import registry
from appliance.protocols.fluxbase import words
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
            shown = f"{default:.15g}" if isinstance(default, float) else str(default)
            assert told[variable] == (shown.lower() if isinstance(default, bool) else shown), variable


def test_every_error_code_of_the_socket_is_documented() -> None:
    told = names("fluxbase.md", r"^`([A-Z_]{4,})`$", "### Error codes")
    assert told == {*words.FRAME_CODES}


WIRES = [
    *("fluxbase.md", "knowledge.md", "chatbase.md", "ai-sdk.md", "botpress.md", "lexicon.md", "openai.md"),
    "console.md",
    "widget.md",
]
"""The pages that tell of a protocol each; their tables name its requests."""


def test_every_endpoint_is_documented_on_the_page_of_its_protocol_and_no_other_is() -> None:
    told = {
        (method, _without_names(path))
        for page in WIRES
        for row in rows(page)
        for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^` ]*)`", row[0])
    }
    served = {
        (endpoint.method, _without_names(endpoint.path))
        for face in registry.faces()
        for endpoint in face.endpoints
    }
    of_the_server = {("GET", "/healthz"), ("GET", "/readyz")}
    assert told - of_the_server - served == set()
    assert served - told == set()


def _without_names(path: str) -> str:
    """Pages call the variables of a path as their clients do."""
    return re.sub(r"<[^>]*>|\{[^}]*\}", "*", path)


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
