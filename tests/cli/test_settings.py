"""`appliance settings` in its own process, beside a store that is open."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from appliance.store import audit, console_accounts, second_factors, settings
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.store import Store
from appliance.store.users import remember_user
from appliance.store.vault import Vault
from tests.support.commands import run_command

SECRET = "t0p-secret-value"


def appliance(
    *words: object, given: bytes = b"", environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The real command in its own process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return run_command("settings", *words, given=given, env={**clean, **(environ or {})})


async def test_a_running_store_sees_each_change_at_the_next_read(tmp_path: Path) -> None:
    vault = Vault(load_encryption_key(tmp_path))
    async with Store.open(database_path(tmp_path)) as store:
        await store.write(settings.prepare, vault)
        await store.write(remember_user, "default", "alice", 1700000000.0)
        made = appliance("set", "crm.token", "--secret", "--data", tmp_path, given=f"{SECRET}\n".encode())
        assert (made.returncode, made.stdout) == (0, "")
        assert made.stderr == "Stored crm.token for everybody (secret, encrypted).\n"
        own = appliance("set", "city", "Oslo", "--user", "alice", "--data", tmp_path)
        assert own.stderr == "Stored city for user alice (plain, encrypted).\n"
        found = await store.read(settings.values, vault, "default", "alice")
        assert found.all == {"crm.token": SECRET, "city": "Oslo"}
        assert found.plain_system == {"crm.token": ""}

        removed = appliance("remove", "city", "--user", "alice", "--data", tmp_path)
        assert (removed.returncode, removed.stderr) == (0, "Removed city of user alice.\n")
        found = await store.read(settings.values, vault, "default", "alice")
        assert found.all == {"crm.token": SECRET}
        rows = await store.read(audit.entries, tenant="default")
        assert [(row.actor, row.action, row.target, row.details) for row in rows] == [
            ("cli", "settings.remove", "city", {"user": "alice"}),
            ("cli", "settings.set", "city", {"user": "alice", "secret": False}),
            ("cli", "settings.set", "crm.token", {"user": "", "secret": True}),
        ]
    assert SECRET.encode() not in _all_files(tmp_path)


def _all_files(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_the_list_never_shows_secrets_and_plain_values_only_on_demand(tmp_path: Path) -> None:
    appliance("set", "crm.token", SECRET, "--secret", "--data", tmp_path)
    unknown = appliance("set", "city", "Reykjavik", "--user", "zoe", "--data", tmp_path)
    assert "nobody with the id 'zoe' has been seen yet" in unknown.stderr

    for words in ([], ["--json"], ["--show"], ["--show", "--json"]):
        ran = appliance("list", "--data", tmp_path, *words)
        assert (ran.returncode, ran.stderr, SECRET in ran.stdout) == (0, "", False)
        assert ("Reykjavik" in ran.stdout) == ("--show" in words)
    listed = json.loads(appliance("list", "--data", tmp_path, "--show", "--json").stdout)["settings"]
    assert [(e["key"], e["user"], e["kind"], e.get("value")) for e in listed] == [
        ("crm.token", None, "secret", None),
        ("city", "zoe", "plain", "Reykjavik"),
    ]
    assert "value" not in listed[0]
    assert listed[0]["updated_at"].endswith("Z")
    only = json.loads(appliance("list", "--user", "zoe", "--data", tmp_path, "--json").stdout)["settings"]
    assert [entry["key"] for entry in only] == ["city"]


def test_an_empty_list_says_how_to_make_a_setting(tmp_path: Path) -> None:
    connect(database_path(tmp_path)).close()
    ran = appliance("list", "--data", tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "appliance settings set KEY" in ran.stderr


def test_a_terminal_is_asked_and_does_not_show_a_secret(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    command = [
        sys.executable,
        "-m",
        "appliance",
        "settings",
        "set",
        "pin",
        "--secret",
        "--data",
        str(tmp_path),
    ]
    asked = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=clean, start_new_session=True
    )
    os.close(terminal)
    shown = b""
    while b"Value of pin" not in shown:
        shown += os.read(controller, 1000)
    os.write(controller, SECRET.encode() + b"\n")
    while chunk := _read(controller):
        shown += chunk
    os.close(controller)
    assert asked.wait(timeout=30) == 0
    assert SECRET.encode() not in shown
    db = connect(database_path(tmp_path))
    found = settings.values(db, Vault(load_encryption_key(tmp_path)), "default")
    db.close()
    assert found.all == {"pin": SECRET}


def _read(controller: int) -> bytes:
    """What the terminal shows next; empty when the program has ended (an error on Linux)."""
    try:
        return os.read(controller, 1000)
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["set", "1key", "x"], 1, "'1key' cannot be a setting's key"),
        (["set", "user_id", "x"], 1, "user_id cannot be set"),
        (["set", "key", ""], 1, "is empty"),
        (["set", "key"], 1, "is empty"),
        (["set", "key", "x", "--user", ""], 1, "--user '' is no user"),
        (["set", "key", "x", "--tenant", "nope"], 1, "no tenant 'nope'"),
        (["set"], 2, "KEY"),
        (["list", "--tenant", "nope"], 1, "no tenant 'nope'"),
        (["remove", "key"], 1, "no setting 'key' of tenant 'default'"),
        (["rekey"], 1, "That is no key"),
    ],
)
def test_bad_words_are_one_clear_sentence(tmp_path: Path, words: list[str], code: int, text: str) -> None:
    ran = appliance(*words, "--data", tmp_path)
    assert ran.returncode == code
    assert text in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "given", [b"\xff\xfe" + SECRET.encode(), SECRET.encode() * 10_000, SECRET.encode() + b"\0"]
)
def test_hostile_input_is_refused_without_quoting_it(tmp_path: Path, given: bytes) -> None:
    ran = appliance("set", "key", "--secret", "--data", tmp_path, given=given)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Traceback" not in ran.stderr
    assert SECRET not in ran.stderr
    assert ran.stderr.startswith("appliance: ")


def test_a_secret_does_not_become_plain_by_a_forgotten_option(tmp_path: Path) -> None:
    appliance("set", "crm.token", SECRET, "--secret", "--data", tmp_path)
    ran = appliance("set", "crm.token", "other", "--data", tmp_path)
    assert (ran.returncode, "--secret" in ran.stderr) == (1, True)
    assert SECRET not in appliance("list", "--show", "--data", tmp_path).stdout


def test_a_shell_without_the_servers_key_stores_nothing(tmp_path: Path) -> None:
    key = {"APPLIANCE_ENCRYPTION_KEY": "k" * 32}
    appliance("set", "city", "Rome", "--data", tmp_path, environ=key)
    wrong = appliance("set", "city", "Oslo", "--data", tmp_path)
    assert wrong.returncode == 1
    assert "APPLIANCE_ENCRYPTION_KEY" in wrong.stderr
    shown = appliance("list", "--show", "--json", "--data", tmp_path)
    assert json.loads(shown.stdout)["settings"][0]["value"] is None
    assert "(cannot be decrypted)" in appliance("list", "--show", "--data", tmp_path).stdout
    right = appliance("list", "--show", "--json", "--data", tmp_path, environ=key)
    assert json.loads(right.stdout)["settings"][0]["value"] == "Rome"
    assert appliance("remove", "city", "--data", tmp_path).returncode == 0
    assert appliance("set", "city", "Oslo", "--data", tmp_path).returncode == 0


def test_a_new_key_takes_over_from_the_old_one(tmp_path: Path) -> None:
    appliance("set", "crm.token", SECRET, "--secret", "--data", tmp_path)
    old = (tmp_path / "secrets.key").rename(tmp_path / "old.key").read_bytes()
    wrong = appliance("rekey", "--data", tmp_path, given=b"w" * 40)
    assert (wrong.returncode, "The old key that was given does not open" in wrong.stderr) == (1, True)
    assert "crm.token" in wrong.stderr
    ran = appliance("rekey", "--data", tmp_path, given=old)
    assert (ran.returncode, "Encrypted 1 values" in ran.stderr) == (0, True)
    db = connect(database_path(tmp_path))
    for key, expected in ((old.decode(), {}), (load_encryption_key(tmp_path), {"crm.token": SECRET})):
        assert settings.values(db, Vault(key), "default").all == expected
    assert audit.entries(db, tenant="default")[0].action == "settings.rekey"
    db.close()


def test_second_factors_of_the_console_move_to_a_new_key(tmp_path: Path) -> None:
    appliance("set", "city", "Rome", "--data", tmp_path)
    old = (tmp_path / "secrets.key").rename(tmp_path / "old.key").read_bytes()
    db = connect(database_path(tmp_path))
    for name in ("ann", "bob"):
        place = second_factors.place(name)
        console_accounts.add(db, name, "", "admin", 1.0)
        console_accounts.offer_totp(db, name, Vault(old.decode()).seal(f"{name} used", place))
        assert console_accounts.confirm_totp(db, name, _account(db, name).totp_new or b"", 1)
        console_accounts.offer_totp(db, name, Vault(old.decode()).seal(f"{name} offered", place))
    ran = appliance("rekey", "--data", tmp_path, given=old)
    assert (ran.returncode, "Encrypted 5 values" in ran.stderr) == (0, True), ran.stderr
    new = Vault(load_encryption_key(tmp_path))
    for name in ("ann", "bob"):
        found, place = _account(db, name), second_factors.place(name)
        assert new.open(found.totp or b"", place) == f"{name} used"
        assert new.open(found.totp_new or b"", place) == f"{name} offered"
        assert found.totp_step == 1
    db.close()


def _account(db: apsw.Connection, name: str) -> console_accounts.Account:
    found = console_accounts.find(db, name)
    assert found is not None
    return found


def test_a_backup_is_worth_nothing_without_the_key(tmp_path: Path) -> None:
    served, other, file = tmp_path / "served", tmp_path / "other", tmp_path / "backup"
    served.mkdir()
    other.mkdir()
    appliance("set", "city", "Reykjavik", "--data", served)
    for words in (["backup", file, "--data", served], ["restore", file, "--data", other]):
        assert run_command(*words, env=os.environ).returncode == 0
    key = (served / "secrets.key").read_bytes()
    assert key not in file.read_bytes()
    assert b"Reykjavik" not in file.read_bytes()
    assert "(cannot be decrypted)" in appliance("list", "--show", "--data", other).stdout
    assert appliance("set", "city", "Oslo", "--data", other).returncode == 1
    (other / "secrets.key").write_bytes(key)
    assert "'Reykjavik'" in appliance("list", "--show", "--data", other).stdout
    assert appliance("set", "city", "Oslo", "--data", other).returncode == 0


def test_a_server_without_the_key_says_so_and_serves(tmp_path: Path) -> None:
    appliance("set", "city", "Rome", "--data", tmp_path)
    (tmp_path / "secrets.key").unlink()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    command = [sys.executable, "-m", "appliance", "serve", "--data", str(tmp_path), "--port", "0"]
    served = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=clean,
        start_new_session=True,
    )
    assert served.stdout is not None
    with served, served.stdout as output:
        said = ""
        for line in output:
            said += line
            if "http://127.0.0.1:" in line:
                break
        served.terminate()
    assert "were stored with another encryption key" in said
    assert "http://127.0.0.1:" in said


def test_a_data_folder_that_does_not_exist_is_not_made(tmp_path: Path) -> None:
    for words in (["list"], ["set", "key", "value"], ["remove", "key"], ["rekey"]):
        ran = appliance(*words, "--data", tmp_path / "typo")
        assert (ran.returncode, ran.stdout, (tmp_path / "typo").exists()) == (1, "", False)
