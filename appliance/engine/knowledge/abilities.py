"""What knowledge bases can take, for those who may not know who reads files."""

from __future__ import annotations

from appliance.extract.kinds import SUPPORTED_SUFFIXES


def supported_suffixes() -> list[str]:
    """How names of files end that can be read, such as `.pdf`."""
    return [*SUPPORTED_SUFFIXES]
