"""From the bytes of a text file to its text: its mark, what is declared, UTF-8, else what looks likely."""

from __future__ import annotations

import codecs
import re

MARKS: tuple[tuple[bytes, str], ...] = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LIKELY = (
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)
"""Encodings that people still have files in; a guess among all that Python knows is wrong too often."""
_GUESS_BYTES = 128 * 1024
_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{2,40})|<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{2,40})""",
    re.IGNORECASE,
)
_DECLARED_WITHIN = 4096
_WESTERN = re.compile(rb"[\x80-\xff]{3,}")


def decode(data: bytes, charset: str = "", *, is_markup: bool = False) -> str:
    """The text of these bytes; never raises: what cannot be decoded becomes U+FFFD.

    `charset` is what somebody declared, perhaps wrongly; markup may declare its own.
    """
    for mark, name in MARKS:
        if data.startswith(mark):
            return data.decode(name, errors="replace")
    declared = [charset, *(_declared(data) if is_markup else [])]
    for name in (*filter(None, declared), "utf-8"):
        if (text := _strictly(data, name)) is not None:
            return text
    return data.decode(_guess(data), errors="replace")


def charset_of(content_type: str) -> str:
    """The charset that a content type names; empty when it names none."""
    found = re.search(r"charset\s*=\s*[\"']?([\w.:-]{2,40})", content_type, re.IGNORECASE)
    return found.group(1) if found else ""


def _declared(data: bytes) -> list[str]:
    found = _DECLARED.search(data[:_DECLARED_WITHIN])
    if found is None:
        return []
    name = (found.group(1) or found.group(2)).decode("ascii", errors="replace").lower()
    # A page whose declaration could be read byte by byte is not in UTF-16, whatever it says.
    return [] if name.startswith("utf-16") else ["cp1252" if name in ("iso-8859-1", "latin1") else name]


def _strictly(data: bytes, name: str) -> str | None:
    try:
        if not _is_text_encoding(codecs.lookup(name)):
            return None
        text = data.decode(name)
    except (LookupError, ValueError):
        return None
    return None if "\x00" in text[:4096] and _wide(data) else text


def _is_text_encoding(codec: codecs.CodecInfo) -> bool:
    return bool(getattr(codec, "_is_text_encoding", True)) and codec.name not in ("punycode", "idna", "utf-7")


def _wide(data: bytes) -> str:
    """UTF-16 without a mark, by where its zeros are; empty when it is not."""
    sample = data[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if even + odd < 0.2 * len(sample):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _guess(data: bytes) -> str:
    if wide := _wide(data):
        return wide
    sample = data[:_GUESS_BYTES]
    # Western letters stand alone among plain ones; without a run of others cp1252 is by far the most likely,
    # and short texts give the statistics below nothing to go by.
    if not _WESTERN.search(sample) and _strictly(sample, "cp1252") is not None:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(_LIKELY)).best()
    return best.encoding if best is not None else "cp1252"
