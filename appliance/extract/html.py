"""Web pages: what people read of them, without scripts, styles, menus and what else stands around.

The tree is walked without recursion: a page may nest its elements as deeply as it likes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.html_menus import is_menu
from appliance.extract.html_tables import is_layout, table_rows
from appliance.extract.tables import write_small_table
from appliance.knowledge import Extracted

_SKIPPED = frozenset(
    (
        *("audio", "button", "canvas", "datalist", "dialog", "embed", "frameset", "head", "iframe"),
        *("input", "map", "math", "nav", "noscript", "object", "script", "select", "style"),
        *("svg", "template", "textarea", "title", "video"),
    )
)
_AROUND = frozenset({"header", "footer", "aside"})
_AROUND_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "complementary", "search", "menu", "menubar"}
)
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details"),
        *("dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr"),
        *("html", "legend", "li", "main", "menu", "nav", "ol", "optgroup", "option"),
        *("p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th"),
        *("thead", "tr", "ul"),
    )
)
DEPTH_MAX = 3000
_TAG = re.compile(
    r"<(/?)(?!(?:p|li|br|hr|img|input|meta|link|td|th|tr|dt|dd|option|col|area|base|wbr|source)\b)[a-z][^<>]*(?<!/)>",
    re.I,
)
"""Tags of elements that stay open until they are closed."""
_HEADING = re.compile(r"h[1-6]")
_CONTENT_CHARS_MIN = 200
_ANCHORS = frozenset("¶#§🔗")
"""Signs beside a heading that link to itself."""
_TERM_CHARS_MAX = 80
"""A longer one is a sentence: a question of an FAQ, which stands by itself."""
_CODE_CHARS_MAX = 3000
"""Longer text that is shown as it was written may be a whole document in plain text."""
_CODE_INDENT = "    "
_SPACE = re.compile(r"[ \t\n\f\r]+")


def read_html(text: str) -> Extracted:
    """Text in blocks, h1 to h6 as outline, lists and tables as lines, the title of the page."""
    tree = parse_html(text)
    builder = TextBuilder()
    write_html(builder, tree, whole=False)
    return builder.build(title=title_of(tree))


def parse_html(text: str) -> LexborHTMLParser:
    """The tree of a page; raises `DocumentUnreadable` when it is nested so that parsing takes hours."""
    depth = 0
    for found in _TAG.finditer(text):
        depth = max(0, depth - 1) if found.group(1) else depth + 1
        if depth > DEPTH_MAX:
            raise DocumentUnreadable(
                f"The page is nested too deeply; more than {DEPTH_MAX:,} levels are not read."
            )
    try:
        return LexborHTMLParser(text)
    except SelectolaxError as error:
        raise MemoryError from error  # it reads whatever is written, as long as there is room for it


def title_of(tree: LexborHTMLParser) -> str:
    """What the page is called in its head."""
    node = tree.css_first("head > title") or tree.css_first("title")
    return one_line(node.text()) if node is not None else ""


def write_html(builder: TextBuilder, tree: LexborHTMLParser, *, whole: bool) -> None:
    """Add what a page says; `whole` keeps also what seems to stand around its content."""
    body = tree.body
    if body is None:
        return
    roots = [body] if whole else _content(body)
    for root in roots:
        _Walk(builder, drops_around=not whole and root is body).run(root)


def _content(body: LexborNode) -> list[LexborNode]:
    """The main part where the page marks one with something in it."""
    mains = body.css("main, [role=main]")
    outer = [node for node in mains if not any(_is_within(node, other) for other in mains)]
    if sum(len(node.text()) for node in outer) >= min(_CONTENT_CHARS_MIN, len(body.text()) // 4) and outer:
        return outer
    return [body]


def _is_within(node: LexborNode, other: LexborNode) -> bool:
    parent = node.parent
    while parent is not None:
        if parent.mem_id == other.mem_id:
            return True
        parent = parent.parent
    return False


class _Walk:
    """One walk over a tree; text gathers until a block begins or ends."""

    def __init__(self, builder: TextBuilder, *, drops_around: bool) -> None:
        self._builder = builder
        self._drops_around = drops_around
        self._inline: list[str] = []
        self._lists: list[int | None] = []
        """Of each list around: the number of its next item, None for bullets."""
        self._label = ""
        self._terms: list[str] = []
        """Terms of a list of definitions whose definition comes next."""
        self._articles = 0
        self._lines = False
        """Whether the last thing added was an item: the next one follows in the next line."""

    def run(self, root: LexborNode) -> None:
        """Walk over everything below `root`."""
        for node, enters in _steps(root, self._enters):
            if self._builder.full:
                return
            if enters:
                self._enter(node)
            else:
                self._leave(node)
        self._flush()

    def _enters(self, node: LexborNode) -> bool:
        """Whether to look into an element; what is not looked into is dealt with in `_enter`."""
        tag = node.tag or ""
        if tag == "table" and not is_layout(node):
            return False
        return not (tag == "pre" or _HEADING.fullmatch(tag) or self._is_dropped(node))

    def _is_dropped(self, node: LexborNode) -> bool:
        tag, attributes = node.tag, node.attributes
        if tag in _SKIPPED or "hidden" in attributes or attributes.get("aria-hidden") == "true":
            return True
        if is_menu(node) or (tag == "a" and node.text().strip() in _ANCHORS):
            return True
        if tag in _AROUND and self._drops_around and not self._articles:
            return True
        return (attributes.get("role") or "") in _AROUND_ROLES

    def _enter(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag == "-text":
            self._inline.append(node.text_content or "")
        elif tag == "br":
            self._inline.append("\x00")
        elif tag in _BLOCKS and not self._is_dropped(node):
            self._enter_block(node, tag)

    def _enter_block(self, node: LexborNode, tag: str) -> None:
        self._flush()
        if _HEADING.fullmatch(tag):
            self._end_terms()
            self._builder.heading(_shown_text(node).rstrip("¶ "), int(tag[1]))
        elif tag == "table" and not is_layout(node):
            self._table(node)
        elif tag == "pre":
            self._end_terms()
            self._builder.paragraph(_as_code(node.text()))
        elif tag in ("ol", "ul", "menu"):
            if self._terms:
                self._end_terms()
            self._lists.append(_first_number(node) if tag == "ol" else None)
            self._lines = self._lines and len(self._lists) > 1
        elif tag == "li":
            self._label = self._next_label()
        elif tag == "article":
            self._articles += 1

    def _leave(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if tag not in _BLOCKS:
            return
        if tag == "dt":
            self._end_term()
        self._flush()
        if tag in ("ol", "ul", "menu") and self._lists:
            self._lists.pop()
            self._lines = bool(self._lists)
        elif tag == "article":
            self._articles -= 1
        elif tag in ("td", "th"):
            self._lines = False

    def _next_label(self) -> str:
        depth = max(0, len(self._lists) - 1)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "  " * depth + "- "
        self._lists[-1] = number + 1
        return "  " * depth + f"{number}. "

    def _flush(self) -> None:
        """Add the text that has gathered."""
        text, self._inline = _folded("".join(self._inline)), []
        if not text:
            return
        if self._terms:
            terms, self._terms = ", ".join(self._terms), []
            text = f"{terms}: {text}"
        if self._label:
            (self._builder.line if self._lines else self._builder.paragraph)(self._label + text)
            self._label, self._lines = "", True
        elif self._lists:
            self._builder.line("  " * len(self._lists) + text)
        else:
            self._lines = False
            self._builder.paragraph(text)

    def _end_term(self) -> None:
        """Keep a term for the beginning of its definition, so that no chunk has one without the other."""
        term = _folded("".join(self._inline))
        if 0 < len(term) <= _TERM_CHARS_MAX and not term.endswith((".", "!", "?")) and "\n" not in term:
            self._terms.append(term.rstrip(" :"))
            self._inline = []

    def _end_terms(self) -> None:
        """What comes is no line of text: the terms that it defines stand above it."""
        self._lines = False
        if self._terms:
            terms, self._terms = ", ".join(self._terms), []
            self._builder.paragraph(f"{terms}:")

    def _table(self, node: LexborNode) -> None:
        self._end_terms()
        rows, headed = table_rows(node)
        for caption in node.css("caption"):
            self._builder.paragraph(_shown_text(caption))
        if len(rows) == 1 and len(rows[0]) == 2 and len(rows[0][0]) <= _TERM_CHARS_MAX and all(rows[0]):
            self._builder.paragraph(f"{rows[0][0].rstrip(' :')}: {rows[0][1]}")  # a note with its label
            return
        write_small_table(self._builder, rows, headed=headed)


def _steps(root: LexborNode, enters: Callable[[LexborNode], bool]) -> Iterator[tuple[LexborNode, bool]]:
    """Each node below `root` when it begins (True), and when it ends where it was looked into."""
    node, parent_id = root, root.mem_id
    below = node.first_child
    while below is not None:
        node = below
        yield node, True
        below = node.first_child if enters(node) else None
        while below is None and node.mem_id != parent_id:
            yield node, False
            below = node.next
            if below is None:
                above = node.parent
                assert above is not None
                node = above


def _folded(text: str) -> str:
    """White space as browsers show it; the breaks stay."""
    lines = (_SPACE.sub(" ", line).strip() for line in text.replace("\u00a0", " ").split("\x00"))
    return "\n".join(lines).strip("\n")


def _as_code(text: str) -> str:
    """Set in, as Markdown marks code, unless it is too long to be some."""
    lines = text.expandtabs().strip("\n").split("\n")
    if len(text) > _CODE_CHARS_MAX or len(lines) == 1 or all(line[:4].isspace() for line in lines if line):
        return text
    return "\n".join(_CODE_INDENT + line if line.strip() else "" for line in lines)


def _shown_text(node: LexborNode) -> str:
    return one_line(node.text())


def _first_number(node: LexborNode) -> int:
    start = node.attributes.get("start") or "1"
    return int(start) if re.fullmatch(r"-?[0-9]{1,6}", start) else 1
