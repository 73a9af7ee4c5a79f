"""A text as its reader sees it: without front matter, tags and the targets of links. Pure.

Documents keep the marks that they were written with, and passages keep them, too. Who quotes a passage to
people leaves them out, and who checks the quotation has to know what was left out.
"""

from __future__ import annotations

import html
import re

_FRONT = re.compile(r"\A\s*---[ \t]*\n(?:[^\n]*\n){0,80}?---[ \t]*(?:\n|\Z)")
_KEYED = re.compile(r"^[\w-]+:", re.MULTILINE)
_KEPT = re.compile(r"(^[ \t]{0,3}(?:```|~~~).*?(?:^[ \t]{0,3}(?:```|~~~)[ \t]*$|\Z)|`[^`\n]+`)", re.M | re.S)
"""Code stays as it is: there a tag is what the text is about."""
_IMAGE = re.compile(r"!\[[^\]\n]{0,300}\]\([^()\n]{0,500}\)")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\((?:[^()\n]|\([^()\n]{0,200}\)){0,600}\)")
_REFERENCE = re.compile(r"(?<![\w\])])\[([^\[\]\n]{2,300})\]\[[\w .-]{0,60}\]")
_DEFINITION = re.compile(r"^[ \t]{0,3}\[[^\]\n]{1,100}\]:[ \t]+\S+[^\n]*$", re.MULTILINE)
_TEMPLATE = re.compile(r"\{%[^%\n]{0,300}%\}|\{\{[^{}\n]{0,300}\}\}|\{:[^{}\n]{0,200}\}")
_TAG_NAMES = (
    "a|abbr|article|aside|b|blockquote|br|button|center|code|dd|del|details|div|dl|dt|em|figure|figcaption|font|"
    "footer|h[1-6]|header|hr|i|img|input|ins|kbd|label|li|main|mark|nav|noscript|ol|p|picture|pre|s|samp|"
    "section|small|source|span|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul|var|wbr"
)
_TAG = re.compile(rf"<(/?)({_TAG_NAMES})(?:\s[^<>]{{0,1000}})?/?>", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_APART = frozenset(
    [
        "p",
        "div",
        "ul",
        "ol",
        "dl",
        "section",
        "article",
        "details",
        "summary",
        "button",
        "table",
        "blockquote",
        "figure",
    ]
)
_OWN_LINE = frozenset(["br", "tr", "dt", "dd", "hr"])
_LINES = re.compile(r"\n[ \t]*\n\s*\n")


def visible(text: str) -> str:
    """The text without what only steers how it is shown; a text without such marks stays as it is."""
    front = _FRONT.match(text)
    if front is not None and _KEYED.search(front.group()):
        text = text[front.end() :]
    parts = _KEPT.split(text)
    parts[::2] = map(_shown, parts[::2])
    return "".join(parts)


def _shown(text: str) -> str:
    if "](" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    if "][" in text:
        text = _REFERENCE.sub(r"\1", text)
    if "]:" in text:
        text = _DEFINITION.sub("", text)
    if "{" in text:
        text = _TEMPLATE.sub("", text)
    if "<" in text and _TAG.search(text) is not None:
        text = _LINES.sub("\n\n", "\n".join(line.strip() for line in _TAG.sub(_break, text).split("\n")))
    return _ENTITY.sub(lambda found: html.unescape(found.group()), text) if "&" in text else text


def _break(tag: re.Match[str]) -> str:
    """What stands in place of a tag: a break, the mark of an item or of a heading, or nothing."""
    closing, name = tag[1], tag[2].lower()
    if name in _APART or (name.startswith("h") and name[1:].isdigit() and closing):
        return "\n\n"
    if name.startswith("h") and name[1:].isdigit():
        return f"\n\n{'#' * int(name[1:])} "
    if name == "li":
        return "\n" if closing else "\n- "
    return "\n" if name in _OWN_LINE else " " * (name in ("td", "th"))
