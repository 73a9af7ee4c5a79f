"""Real pages to search in: the manual pages of some Debian packages, as text with their headings.

Nothing of them is kept in the repository (their licences differ); they are taken from the machine:

    apt-get install manpages manpages-dev git-man groff-base …

`PACKAGES` has them all, and `python -m bench.retrieval.pages` says which are missing. On slim images dpkg
leaves manual pages out; remove the `path-exclude` lines below /etc/dpkg/dpkg.cfg.d first and reinstall the
packages.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from appliance.knowledge import Heading, Outline

PACKAGES = """
apt binutils-common coreutils debianutils dpkg dpkg-dev e2fsprogs findutils gettext git-man gnupg-utils grep
groff-base gzip hostname iproute2 iptables less libdpkg-perl libpam-modules login man-db manpages manpages-dev
mount ncurses-bin net-tools openssh-client openssl passwd patch podman procps psmisc sed systemd tar unzip
util-linux wget xz-utils
""".split()  # noqa: SIM905
CHARS_MIN = 400
"""Shorter ones only point at another page."""
CACHE = Path(tempfile.gettempdir()) / "appliance-bench"

_WIDTH = "1000n"
"""A paragraph is one line: where lines end is no part of the text."""
_BLANKS = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_HEADING = re.compile(r"^( {0,3})(\S.*)$")


class Page(msgspec.Struct, frozen=True):
    """One manual page; `name` is `ls.1`."""

    name: str
    package: str
    text: str
    outline: Outline


class PageSet(msgspec.Struct, frozen=True):
    """Pages in the order of their names, and the versions of the packages that they came from."""

    pages: list[Page]
    versions: dict[str, str]

    @property
    def hash(self) -> str:
        """Tells whether two machines have the same pages."""
        digest = hashlib.sha256()
        for page in self.pages:
            digest.update(f"{page.name}\0{page.text}\0".encode())
        return digest.hexdigest()[:16]


def load(cache: Path = CACHE) -> PageSet:
    """The pages of this machine; rendered once, then read from the cache."""
    versions = _versions()
    key = hashlib.sha256(repr((sorted(versions.items()), _WIDTH, CHARS_MIN, 3)).encode()).hexdigest()[:16]
    kept = cache / f"pages-{key}.json"
    if kept.exists():
        return msgspec.json.decode(kept.read_bytes(), type=PageSet)
    files = {path: package for package in versions for path in _files(package)}
    with ThreadPoolExecutor(2) as pool:
        rendered = list(pool.map(_page, files, files.values()))
    found: dict[str, Page] = {}
    for page in rendered:
        if page and len(page.text) >= CHARS_MIN:
            found.setdefault(page.name, page)
    pages = PageSet([found[name] for name in sorted(found)], versions)
    cache.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(msgspec.json.encode(pages))
    return pages


def beginning(page: Page, chars: int) -> Page:
    """The page's first paragraphs: as much of them as `chars` allows, whole lines only."""
    if len(page.text) <= chars:
        return page
    end = page.text.rfind("\n", 0, chars) + 1 or chars
    headings = [heading for heading in page.outline.headings if heading.start < end]
    return msgspec.structs.replace(page, text=page.text[:end], outline=Outline(headings=headings))


def _versions() -> dict[str, str]:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split(" ", 2) for line in asked.stdout.splitlines()]
    return {name: version for name, version, status in rows if status.endswith(" installed")}


def _files(package: str) -> list[Path]:
    listed = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=True).stdout
    paths = [Path(line) for line in listed.splitlines() if re.match(r"/usr/share/man/man\d/.*\.gz$", line)]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def _page(path: Path, package: str) -> Page | None:
    source = gzip.decompress(path.read_bytes())
    if source.lstrip().startswith(b".so "):
        return None
    made = subprocess.run(
        [
            "groff",
            "-k",
            "-Kutf-8",
            "-t",
            "-e",
            "-mandoc",
            "-Tutf8",
            f"-rLL={_WIDTH}",
            f"-rLT={_WIDTH}",
            "-P-cbou",
        ],
        input=source,
        capture_output=True,
        check=False,
    )
    return to_page(path.name.removesuffix(".gz"), package, made.stdout.decode("utf-8", "replace"))


def to_page(name: str, package: str, rendered: str) -> Page:
    """Without running heads and padding; lines at the margin are headings."""
    lines = rendered.splitlines()[1:-1]
    parts: list[str] = []
    headings: list[Heading] = []
    at = 0
    for line in lines:
        if not line.strip() and (not parts or not parts[-1].strip()):
            continue
        heading = _HEADING.match(line)
        if heading:
            headings.append(Heading(at, 1 if not heading[1] else 2, heading[2].strip()))
        plain = _BLANKS.sub(" ", line.rstrip()).replace("\u2010", "-").replace("\u00ad", "")
        parts.append(plain + "\n")
        at += len(plain) + 1
    return Page(name, package, "".join(parts), Outline(headings=headings))


if __name__ == "__main__":
    found = load()
    print(
        f"{len(found.pages)} pages, {sum(len(page.text) for page in found.pages):,} characters, {found.hash}"
    )
    missing = sorted(set(PACKAGES) - found.versions.keys())
    if missing:
        sys.exit(f"not installed: apt-get install {' '.join(missing)}")
