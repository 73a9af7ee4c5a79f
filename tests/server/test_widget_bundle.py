"""The widget's small files are those that its sources give, and are served only then."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.server.widget_bundle import WidgetBundle, mark

STATIC = Path(__file__).parents[2] / "static"


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 10
        return self.now


def copy(folder: Path) -> Path:
    """All static files, to be changed at will."""
    return Path(shutil.copytree(STATIC, folder / "static"))


@pytest.mark.node
def test_the_bundle_was_made_of_the_sources_as_they_are():
    checked = subprocess.run(
        ["node", str(STATIC / "bundle.mjs"), "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert (STATIC / "dist" / "sources.sha256").read_text().strip() == mark(STATIC)


def test_the_small_files_stand_for_the_sources(tmp_path: Path):
    bundle = WidgetBundle(copy(tmp_path), Clock())
    assert bundle.name_of("widget/element.js") == "dist/element.js"
    assert bundle.name_of("widget.js") == "dist/widget.js"
    assert bundle.name_of("widget/values.js") == "widget/values.js"
    assert bundle.name_of("client.js") == "client.js"
    assert bundle.name_of("widget/../chat/chat.js") == "widget/../chat/chat.js"


def test_a_changed_source_is_served_itself_until_the_bundle_is_made_again(tmp_path: Path):
    static = copy(tmp_path)
    bundle = WidgetBundle(static, Clock())
    source = static / "widget" / "panel.js"
    text = source.read_text()
    source.write_text(text + "\n// changed\n")
    assert bundle.name_of("widget/element.js") == "widget/element.js"
    source.write_text(text)
    assert bundle.name_of("widget/element.js") == "dist/element.js"


def test_without_a_bundle_the_sources_are_served(tmp_path: Path):
    static = copy(tmp_path)
    shutil.rmtree(static / "dist")
    assert WidgetBundle(static, Clock()).name_of("widget/element.js") == "widget/element.js"
