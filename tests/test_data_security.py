"""Each claim of docs/data-security.md names a test that exists, is collected and is not skipped."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "data-security.md"
ANCHOR = re.compile(r"<!-- test: (\S+?)::(\w+) -->")
ADVICE = "What is left to you"
"""The one section that claims nothing; each of its sentences asks the reader to do something."""
SHARED_MAX = 1
"""Sentences that may stand before an anchor: each has its own here."""
SKIPS = {"skip", "skipif", "xfail", "importorskip"}


def sections(text: str) -> dict[str, str]:
    """The text below each heading of the second level, without what stands before the first."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def blocks(section: str) -> list[str]:
    """Its paragraphs and list items."""
    return [block.strip() for block in re.split(r"\n\s*\n|^- ", section, flags=re.MULTILINE) if block.strip()]


def unproven(text: str) -> list[str]:
    """Claiming sentences without an anchor of their own."""
    claims = [block for name, body in sections(text).items() if name != ADVICE for block in blocks(body)]
    return [sentence for block in claims for sentence in _unproven_of(block)]


def _unproven_of(block: str) -> list[str]:
    *proven, rest = re.split(r"(?:<!-- test: \S+ -->\s*)+", block)
    lumped = [piece for piece in proven if len(sentences(piece)) > SHARED_MAX]
    return [*lumped, *([rest] if rest.strip() else [])]


def sentences(text: str) -> list[str]:
    """Split where a sentence ends; a heading in bold belongs to what follows it."""
    text = re.sub(r"\*\*[^*]+\*\*", "", text)
    return [piece for piece in re.split(r"(?<=[.!?])\s+(?=[A-Z`\"])", text.strip()) if piece]


def anchors() -> list[tuple[str, str]]:
    return sorted({(path, name) for path, name in ANCHOR.findall(PAGE.read_text())})


@cache
def collected(path: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The tests of a file that pytest would find; none in one that is skipped as a whole."""
    file = ROOT / path
    if not (file.is_file() and file.name.startswith("test_") and file.is_relative_to(ROOT / "tests")):
        return {}
    tree = ast.parse(file.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    others = [node for node in tree.body if node not in functions and not isinstance(node, ast.ClassDef)]
    if any(map(skips, others)):
        return {}
    found = {node.name: node for node in functions if node.name.startswith("test_")}
    # Of two with the same name pytest would run the last one only.
    assert len(found) == sum(node.name.startswith("test_") for node in functions), path
    return found


def skips(node: ast.AST) -> bool:
    """Whether the code mentions any way to be skipped."""
    return any(
        (isinstance(part, ast.Attribute) and part.attr in SKIPS)
        or (isinstance(part, ast.Name) and part.id in SKIPS)
        for part in ast.walk(node)
    )


def test_each_claim_has_a_test() -> None:
    text = PAGE.read_text()
    assert ADVICE in sections(text)
    assert unproven(text) == []
    assert len(anchors()) > 50
    assert text.count("<!--") == len(ANCHOR.findall(text))


@pytest.mark.parametrize(("path", "name"), anchors(), ids=lambda value: value.rpartition("/")[2])
def test_each_named_test_exists_and_is_not_skipped(path: str, name: str) -> None:
    assert name in collected(path), f"{path} has no test {name}, or is skipped"
    assert not skips(collected(path)[name])
    assert any(
        isinstance(part, ast.Assert | ast.With | ast.AsyncWith) for part in ast.walk(collected(path)[name])
    )


def test_a_claim_without_a_test_would_be_found() -> None:
    page = "# T\n\nIntro claims. Much.\n\n## One\n\n- A. <!-- test: tests/test_x.py::test_a -->\n{}\n"
    assert unproven(page.format("")) == []
    assert unproven(page.format("  It also flies.")) == ["It also flies."]
    assert unproven(page.format("- Another claim.")) == ["Another claim."]
    assert unproven(page.format("\nA paragraph.")) == ["A paragraph."]
    lumped = "- One. Two. <!-- test: tests/test_x.py::test_a -->"
    assert unproven(page.format(lumped)) == ["One. Two. "]


def test_advice_is_all_that_the_last_section_gives() -> None:
    asks = {"Begin", "Run", "Set", "Choose", "Keep", "Let", "Look", "Guard", "Read"}
    assert {block.split()[0] for block in blocks(sections(PAGE.read_text())[ADVICE])} <= asks


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target
