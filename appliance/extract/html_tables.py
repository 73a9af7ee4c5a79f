"""The rows of a web page's tables, cells that span others repeated where they reach."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from appliance.extract.cleaning import one_line

SPAN_MAX = 50
"""A cell may claim to span a thousand columns."""
COLUMNS_MAX = 1000


def is_layout(table: LexborNode) -> bool:
    """Does the table only place things on the page: tables within it, or one column?"""
    if table.css_first("table table, table h1, table h2, table h3") is not None:
        return True
    return table.css_first("tr > td + td, tr > th + th, tr > th + td, tr > td + th") is None


def table_rows(table: LexborNode) -> tuple[list[list[str]], bool | None]:
    """All rows, and whether the first one names the columns (None: nothing tells)."""
    rows: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}
    headed: bool | None = None
    for number, row in enumerate(table.css("tr")):
        cells = _cells(row)
        if number == 0:
            headed = _names_columns(row, cells)
        rows.append(_filled(cells, below))
    return rows, headed


def _cells(row: LexborNode) -> list[LexborNode]:
    found = []
    node = row.first_child
    while node is not None:
        if node.tag in ("td", "th"):
            found.append(node)
        node = node.next
    return found


def _names_columns(row: LexborNode, cells: list[LexborNode]) -> bool | None:
    if row.parent is not None and row.parent.tag == "thead":
        return True
    heads = sum(cell.tag == "th" for cell in cells)
    # A single th at the left of a row names the row.
    return True if heads > 1 and heads == len(cells) else (False if heads else None)


def _filled(cells: list[LexborNode], below: dict[int, tuple[int, str]]) -> list[str]:
    """A row's texts; `below` has what reaches down into it from above, by column, and is brought forward."""
    texts: list[str] = []
    for cell in cells:
        _reach_down(texts, below)
        text = (
            one_line(cell.text(separator=" ")) if cell.css_first("br, p, div, li") else one_line(cell.text())
        )
        rows = _span(cell, "rowspan")
        for _ in range(_span(cell, "colspan")):
            if len(texts) < COLUMNS_MAX:
                if rows > 1:
                    below[len(texts)] = (rows - 1, text)
                texts.append(text)
    _reach_down(texts, below)
    return texts


def _reach_down(texts: list[str], below: dict[int, tuple[int, str]]) -> None:
    while len(texts) in below:
        rows, text = below.pop(len(texts))
        if rows > 1:
            below[len(texts)] = (rows - 1, text)
        texts.append(text)


def _span(cell: LexborNode, name: str) -> int:
    said = cell.attributes.get(name) or "1"
    return max(1, min(int(said), SPAN_MAX)) if re.fullmatch(r"[0-9]{1,6}", said) else 1
