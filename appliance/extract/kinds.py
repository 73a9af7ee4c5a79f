"""What kind of document some bytes are: their content decides, then the suffix, then the content type.

People rename files, browsers send blobs without a name, and sites send HTML as whatever they like; so a
suffix is believed only where the content cannot tell, as between CSV and prose.
"""

from __future__ import annotations

import re
from typing import Literal, NoReturn, TypeAlias

import msgspec

from appliance.errors import UnsupportedDocument

Kind: TypeAlias = Literal[
    "text", "markdown", "html", "csv", "tsv", "json", "ndjson",
    "pdf", "docx", "xlsx", "pptx", "epub", "rtf", "odt", "ods", "odp",
]  # fmt: skip


class Format(msgspec.Struct, frozen=True):
    """A kind of document as people and wires know it; `suffixes` begin with the usual one."""

    name: str
    mime_type: str
    suffixes: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

FORMATS: dict[Kind, Format] = {
    "pdf": Format("PDF", "application/pdf", (".pdf",)),
    "text": Format("text file", "text/plain", (".txt", ".text", ".log")),
    "markdown": Format("Markdown file", "text/markdown", (".md", ".markdown")),
    "html": Format("web page", "text/html", (".html", ".htm", ".xhtml")),
    "csv": Format("CSV file", "text/csv", (".csv",)),
    "tsv": Format("TSV file", "text/tab-separated-values", (".tsv", ".tab")),
    "json": Format("JSON file", "application/json", (".json",)),
    "ndjson": Format("NDJSON file", "application/x-ndjson", (".ndjson", ".jsonl")),
    "docx": Format("Word document", _OFFICE + "wordprocessingml.document", (".docx", ".docm")),
    "xlsx": Format("Excel workbook", _OFFICE + "spreadsheetml.sheet", (".xlsx", ".xlsm")),
    "pptx": Format("PowerPoint presentation", _OFFICE + "presentationml.presentation", (".pptx", ".pptm")),
    "epub": Format("EPUB book", "application/epub+zip", (".epub",)),
    "rtf": Format("RTF document", "application/rtf", (".rtf",)),
    "odt": Format("OpenDocument text", _OPEN + "text", (".odt",)),
    "ods": Format("OpenDocument spreadsheet", _OPEN + "spreadsheet", (".ods",)),
    "odp": Format("OpenDocument presentation", _OPEN + "presentation", (".odp",)),
}

SUPPORTED_SUFFIXES: tuple[str, ...] = tuple(suffix for known in FORMATS.values() for suffix in known.suffixes)
"""All suffixes that are known, the usual ones of each kind first; text of any other suffix is read, too."""

TEXTS: frozenset[Kind] = frozenset({"text", "markdown", "html", "csv", "tsv", "json", "ndjson"})
"""Kinds whose files are nothing but text in some encoding."""

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of old Office files, and of new ones that are locked with a password."""

_BY_SUFFIX: dict[str, Kind] = {suffix: kind for kind, known in FORMATS.items() for suffix in known.suffixes}
_BY_MIME: dict[str, Kind] = {known.mime_type: kind for kind, known in FORMATS.items()} | {
    "application/xhtml+xml": "html",
    "application/csv": "csv",
    "application/jsonl": "ndjson",
    "application/x-pdf": "pdf",
    "text/json": "json",
    "text/rtf": "rtf",
    "text/x-markdown": "markdown",
}
_OFFICE_KINDS: tuple[Kind, ...] = ("docx", "xlsx", "pptx")
_OPEN_KINDS: tuple[Kind, ...] = ("odt", "ods", "odp")

_MEMBERS: tuple[tuple[bytes, Kind], ...] = (
    (b"word/", "docx"),
    (b"xl/", "xlsx"),
    (b"ppt/", "pptx"),
)
"""The folders of Office files."""

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a SQLite database"),
    (b"ID3", "a sound file"),
)
"""Only for the error's text: what binary files often are."""

_UNICODE_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_SAMPLE_BYTES = 64 * 1024
_PDF_WITHIN_BYTES = 1024
"""Readers of PDF accept its mark anywhere in the first kilobyte; some programs write a line before it."""
_DIRECTORY_BYTES_MAX = 4 * 1024 * 1024
_ODD = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_ODD_SHARE_MAX = 0.01
_HTML = re.compile(rb"<(!doctype\s+html|html)\b", re.IGNORECASE)
_BLANKS = re.compile(rb"\s*")
_BEFORE_HTML = ((b"<?xml", b">"), (b"<!--", b"-->"))
"""How what may stand before a page begins and ends."""
_JSON = re.compile(rb'\s*(\{\s*["}]|\[\s*[\[{"\]])')


def kind_of(data: bytes, file_name: str = "", mime_type: str = "") -> Kind:
    """The kind of a document; raises `UnsupportedDocument` for what nothing here can read.

    Looks at a bounded part of `data` only, so it may be called on the loop. That a file is of a kind does not
    mean that it can be read. Nothing at all is a text.
    """
    suffix = _suffix(file_name)
    named = _BY_SUFFIX.get(suffix) or _BY_MIME.get(mime_type.partition(";")[0].strip().lower())
    if b"%PDF-" in data[:_PDF_WITHIN_BYTES] and (data.startswith(b"%PDF-") or named not in TEXTS):
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        return _archive_kind(data, named) or _not_supported("a ZIP archive of no known kind", suffix)
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if data.startswith(OLE):
        return _old_office_kind(data, named, suffix)
    if not _looks_like_text(data[:_SAMPLE_BYTES]):
        what = next(
            (what for mark, what in _OTHERS if data.startswith(mark)), "not text and of no known kind"
        )
        _not_supported(what, suffix)
    return _text_kind(data[:_SAMPLE_BYTES], named, suffix)


def mime_of(kind: Kind) -> str:
    """The content type of a kind."""
    return FORMATS[kind].mime_type


def _suffix(file_name: str) -> str:
    name = re.split(r"[/\\]", file_name)[-1]
    stem, dot, ending = name.rpartition(".")
    return (dot + ending).lower() if stem else ""


def _archive_kind(data: bytes, named: Kind | None) -> Kind | None:
    """OpenDocument and EPUB say first what they are, Office files only by the names of their members."""
    if data[30:38] == b"mimetype":
        # A content type ends where the next member begins.
        said = data[38:138].partition(b"PK\x03\x04")[0]
        for kind in ("epub", "odt", "ods", "odp"):
            if said.startswith(FORMATS[kind].mime_type.encode()):
                return kind
    names = _directory(data)
    if b"META-INF/container.xml" in names:
        return "epub"
    if named in _OPEN_KINDS and b"META-INF/manifest.xml" in names and b"content.xml" in names:
        return named  # packed again by somebody who did not put first what it is
    if b"[Content_Types].xml" not in names:
        return None
    return next((kind for folder, kind in _MEMBERS if folder in names), None)


def _directory(data: bytes) -> bytes:
    """The list of members at the end of an archive, as it stands."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 66_000))
    if end < 0:
        return data[:_SAMPLE_BYTES]
    size = min(int.from_bytes(data[end + 12 : end + 16], "little"), _DIRECTORY_BYTES_MAX)
    return data[max(0, end - size) : end]


def _old_office_kind(data: bytes, named: Kind | None, suffix: str) -> Kind:
    """New Office files with a password hide in the container of old ones; their reader tells people so."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        return named if named in _OFFICE_KINDS else "docx"
    return _not_supported("an old Office file; save it as .docx, .xlsx or .pptx and add it again", suffix)


def _looks_like_text(sample: bytes) -> bool:
    if sample.startswith(_UNICODE_MARKS):
        return True
    if b"\x00" in sample and _is_wide(sample):
        return True
    return b"\x00" not in sample and len(_ODD.findall(sample)) <= _ODD_SHARE_MAX * len(sample)


def _is_wide(sample: bytes) -> bool:
    """UTF-16 without a mark: of mostly Western text every second byte is 0, and no other one."""
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    return min(even, odd) == 0 and max(even, odd) > 0.4 * (len(sample) / 2)


def _text_kind(sample: bytes, named: Kind | None, suffix: str) -> Kind:
    plain = sample.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b"\xff\xfe")
    if _is_html(plain):
        return "html"
    if named in TEXTS:
        return named
    if suffix in ("", ".blob") and _JSON.match(plain):
        return "json"
    return "text"


def _is_html(sample: bytes) -> bool:
    """Goes over blanks and comments once: one expression for all would try each way to part them."""
    at = _after_blanks(sample, 0)
    while (end := _end_of_comment(sample, at)) > 0:
        at = _after_blanks(sample, end)
    return _HTML.match(sample, at) is not None


def _after_blanks(sample: bytes, at: int) -> int:
    blanks = _BLANKS.match(sample, at)
    return blanks.end() if blanks else at


def _end_of_comment(sample: bytes, at: int) -> int:
    """Behind what begins at `at` and is not the page yet; 0 when there is no such thing, or no end of it."""
    for mark, closes in _BEFORE_HTML:
        if sample[at : at + len(mark)].lower() == mark:
            end = sample.find(closes, at + len(mark))
            return end + len(closes) if end >= 0 else 0
    return 0


def _not_supported(what: str, suffix: str) -> NoReturn:
    shown = f"A {suffix} file" if re.fullmatch(r"\.[a-z0-9]{1,10}", suffix) else "This file"
    supported = ", ".join(known.suffixes[0] for known in FORMATS.values())
    raise UnsupportedDocument(
        f"{shown} like this cannot be read: it is {what}. "
        f"Supported are {supported}, and other files of text.",
        supported_types=list(SUPPORTED_SUFFIXES),
    )
