"""Where the files are that travel with the package: example bots and everything for browsers.

In a checkout they stand at its top (`bots/`, `static/`); an installed package has them inside itself.
"""

from __future__ import annotations

from pathlib import Path

from appliance.settings import Settings

PACKAGE = Path(__file__).resolve().parent


def bundled(name: str) -> Path:
    """The folder `bots` or `static` as shipped, wherever this package is installed."""
    inside = PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def bots_folder(settings: Settings) -> Path:
    """The folder that bots are read from: the configured one, else `<data>/bots`, else the examples."""
    if settings.bots:
        return Path(settings.bots)
    own = Path(settings.data) / "bots"
    return own if own.is_dir() else bundled("bots")
