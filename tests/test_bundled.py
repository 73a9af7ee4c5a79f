"""The folder of bots: configured, in the data folder, or bundled."""

from pathlib import Path

from appliance.bundled import bots_folder, bundled
from appliance.settings import Settings


def test_configured_folder_wins_then_data_then_examples(tmp_path: Path) -> None:
    data = str(tmp_path)
    assert bots_folder(Settings(data=data)) == bundled("bots")
    (tmp_path / "bots").mkdir()
    assert bots_folder(Settings(data=data)) == tmp_path / "bots"
    assert bots_folder(Settings(data=data, bots="elsewhere")) == Path("elsewhere")


def test_bundled_folders_exist() -> None:
    assert (bundled("bots") / "sql-assistant" / "index.ts").is_file()
    assert bundled("static").is_dir()
