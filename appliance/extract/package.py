"""Files that are archives of XML: opened without trust, since an archive may claim and hold anything.

Nothing is ever unpacked to a disk. Each member that is read has a limit, whatever the archive says of its
size, and XML is parsed without entities, without documents of types, without network.
"""

from __future__ import annotations

import io
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import Self
from urllib.parse import unquote

from lxml import etree

from appliance.errors import DocumentUnreadable
from appliance.extract.kinds import OLE

MEMBERS_MAX = 20_000
MEMBER_BYTES_MAX = 200 * 1024 * 1024
PACKAGE_BYTES_MAX = 500 * 1024 * 1024
"""All that is read of one archive, unpacked."""

LOCKED = "The file is encrypted; remove its password and add it again."
BROKEN = "The file is damaged: its archive cannot be read."
TOO_LARGE = "The file unpacks to more than can be read ({} MB); such files are usually made to do harm."

_RELATIONSHIPS = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class Package:
    """An archive whose members are read by name."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members = {info.filename: info for info in archive.infolist() if not _is_link(info)}
        self._read = 0

    @classmethod
    def open(cls, data: bytes) -> Self:
        """Open it; raises `DocumentUnreadable` when it is locked, broken or absurd."""
        if data.startswith(OLE):
            raise DocumentUnreadable(LOCKED)
        end = data.rfind(b"PK\x05\x06")
        if end >= 0 and int.from_bytes(data[end + 10 : end + 12], "little") > MEMBERS_MAX:
            raise DocumentUnreadable(f"The file has more than {MEMBERS_MAX:,} parts.")
        try:
            archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OSError):
            raise DocumentUnreadable(BROKEN) from None
        if len(archive.infolist()) > MEMBERS_MAX:
            raise DocumentUnreadable(f"The file has more than {MEMBERS_MAX:,} parts.")
        return cls(archive)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def names(self) -> list[str]:
        """All members, as the archive orders them; links are none."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """A member's bytes; raises `DocumentUnreadable` when it is missing, locked, broken or too large."""
        info = self._members.get(name)
        if info is None:
            raise DocumentUnreadable(f"The file is damaged: its part {name} is missing.")
        if info.flag_bits & 1:
            raise DocumentUnreadable(LOCKED)
        if info.file_size > MEMBER_BYTES_MAX:
            raise DocumentUnreadable(TOO_LARGE.format(MEMBER_BYTES_MAX // 1024**2))
        try:
            with self._archive.open(info) as member:
                content = member.read(MEMBER_BYTES_MAX + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError):
            raise DocumentUnreadable(BROKEN) from None
        self._read += len(content)
        if len(content) > MEMBER_BYTES_MAX or self._read > PACKAGE_BYTES_MAX:
            raise DocumentUnreadable(TOO_LARGE.format(PACKAGE_BYTES_MAX // 1024**2))
        return content

    def xml(self, name: str) -> etree._Element:
        """A member's XML; raises `DocumentUnreadable`."""
        return parse_xml(self.read(name))

    def xml_or_none(self, name: str) -> etree._Element | None:
        """A member's XML where there is such a member."""
        return self.xml(name) if name in self._members else None

    def check_sizes(self, ending: str = ".xml") -> None:
        """Raise `DocumentUnreadable` now when the members of this ending claim to be too large together."""
        infos = [info for info in self._members.values() if info.filename.endswith(ending)]
        if any(info.flag_bits & 1 for info in infos):
            raise DocumentUnreadable(LOCKED)
        if sum(info.file_size for info in infos) > PACKAGE_BYTES_MAX:
            raise DocumentUnreadable(TOO_LARGE.format(PACKAGE_BYTES_MAX // 1024**2))

    def relationships(self, part: str) -> dict[str, tuple[str, str]]:
        """What an Office part points at within the file: by id, the last word of the type, and the member."""
        folder, name = posixpath.split(part)
        root = self.xml_or_none(posixpath.join(folder, "_rels", name + ".rels"))
        if root is None:
            return {}
        return dict(_targets(root, folder))

    def related(self, part: str, kind: str) -> str | None:
        """The first member of that kind that a part points at, and that is there."""
        for known, target in self.relationships(part).values():
            if known == kind and target in self._members:
                return target
        return None


def parse_xml(data: bytes) -> etree._Element:
    """Parse without entities and network; raises `DocumentUnreadable`, also for declared entities."""
    if b"<!ENTITY" in data[:100_000] or "<!ENTITY".encode("utf-16-le") in data[:100_000]:
        raise DocumentUnreadable(
            "The file declares XML entities, which documents do not need and which can do harm."
        )
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        if "Excessive depth" in str(error):
            raise DocumentUnreadable("The file is nested too deeply.") from None
        raise DocumentUnreadable("The file is damaged: a part of it is not valid XML.") from None


def resolve(folder: str, target: str) -> str:
    """The member that a link within an archive names."""
    target = unquote(target.partition("#")[0])
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join(folder, target))


def core_title(package: Package) -> str:
    """The title in the properties of an Office file; empty when there is none."""
    root = package.xml_or_none("docProps/core.xml")
    title = root.findtext("{http://purl.org/dc/elements/1.1/}title") if root is not None else ""
    return (title or "").strip()


def main_part(package: Package) -> str:
    """The member that holds an Office file's content; raises `DocumentUnreadable`."""
    part = package.related("", "officeDocument")
    if part is None:
        raise DocumentUnreadable("The file is damaged: it does not say where its content is.")
    return part


def _targets(root: etree._Element, folder: str) -> Iterator[tuple[str, tuple[str, str]]]:
    for link in root.iter(_RELATIONSHIPS):
        if link.get("TargetMode") != "External":
            kind = (link.get("Type") or "").rpartition("/")[2]
            yield link.get("Id") or "", (kind, resolve(folder, link.get("Target") or ""))


def _is_link(info: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(info.external_attr >> 16)
