"""What the widget costs in bytes, as the server sends it: `python -m bench.widget`.

Every file on its own, packed by gzip as browsers load them; of the languages the largest. What is there until
the empty chat is open, a browser counts (tests/e2e/test_widget_bytes.py).
Ends with 1 when it is more than promised.
"""

from __future__ import annotations

import sys
from pathlib import Path

from appliance.server.static_files import pack

DIST = Path(__file__).parents[1] / "static" / "dist"
ALL_BYTES_MAX = 30_000
"""The promise: 30 kB for everything that a visitor can ever load."""
CEILING_BYTES = 30_000
"""It may only become less."""


def size(path: Path) -> int:
    """Bytes of the body that a browser gets."""
    packed = pack(path, is_ours=False)
    return len(packed.zipped or packed.plain)


def sizes() -> dict[str, int]:
    """Bytes of each file that a visitor can ever load; of the languages the largest."""
    found = {path.name: size(path) for path in DIST.glob("*.js")}
    languages = {path.name: size(path) for path in (DIST / "languages").glob("*.js")}
    largest = max(languages, key=lambda name: languages[name])
    return found | {f"languages/{largest}, the largest": languages[largest]}


def main() -> int:
    """Print a line for each file, and the sum."""
    found = sizes()
    for name, bytes_ in sorted(found.items(), key=lambda one: -one[1]):
        print(f"{bytes_:7,} {name}")
    total = sum(found.values())
    kept = total <= ALL_BYTES_MAX
    print(f"{total:7,} in all; the promise is {ALL_BYTES_MAX:,}: {'kept' if kept else 'NOT KEPT'}")
    return 0 if total <= CEILING_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
