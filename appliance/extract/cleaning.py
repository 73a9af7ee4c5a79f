"""What is taken out of every text before it is kept: what nobody can see, and what breaks others. Pure."""

from __future__ import annotations

import re

_NEWLINES = re.compile("\r\n?|\x0b|\x85|\u2028|\u2029")
_UNWANTED = re.compile("[\x00-\x08\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\ufeff\ufffe\uffff\ud800-\udfff]")
"""Control characters, soft hyphens (they hide words from a search), byte order marks, halves of pairs."""
_BLANKS = " \t\u00a0"


def clean(text: str) -> str:
    """The text with line feeds for all ends of lines, and without what is not text."""
    if text.isprintable():
        return text  # nothing of the below is, and most cells of a table are
    return _UNWANTED.sub("", _NEWLINES.sub("\n", text))


def one_line(text: str) -> str:
    """Clean, each run of white space one blank, none at the ends."""
    return " ".join(clean(text).split())


def trim_lines(text: str) -> str:
    """Clean, and no line ends with blanks; blanks before a line stay."""
    if not text.isprintable():
        text = "\n".join(line.rstrip(_BLANKS) for line in clean(text).split("\n"))
    return text.strip("\n").rstrip()
