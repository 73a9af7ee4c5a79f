import stat
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.errors import StoreError
from appliance.store.secret import load_secret


def test_the_configured_secret_wins_and_makes_no_file(tmp_path: Path) -> None:
    assert load_secret(tmp_path, "c" * 32) == "c" * 32
    assert list(tmp_path.iterdir()) == []


def test_a_secret_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    secret = load_secret(data)
    assert len(secret) == 43
    assert load_secret(data) == secret
    assert [entry.name for entry in data.iterdir()] == ["jwt.secret"]
    assert stat.S_IMODE((data / "jwt.secret").stat().st_mode) == 0o600


def test_processes_that_race_agree_on_one(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from appliance.store.secret import load_secret;"
        "print('ready', flush=True); sys.stdin.readline(); print(load_secret(Path(sys.argv[1])))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    secrets = {racer.communicate(timeout=30)[0].strip() for racer in racers}
    assert secrets == {(tmp_path / "jwt.secret").read_text()}
    assert [entry.name for entry in tmp_path.iterdir()] == ["jwt.secret"]


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_damaged_file_is_an_error_and_never_a_weak_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jwt.secret").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        load_secret(tmp_path)


def test_a_place_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        load_secret(tmp_path / "file")
    (tmp_path / "jwt.secret").mkdir()
    with pytest.raises(StoreError, match="cannot be used"):
        load_secret(tmp_path)
