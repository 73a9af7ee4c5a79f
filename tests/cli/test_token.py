import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from appliance.cli.token import parse_lifetime
from appliance.errors import InvalidInput
from appliance.server.auth import Authenticator, Credentials
from appliance.server.tokens import verify
from appliance.settings import Settings
from appliance.store import audit
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from appliance.store.secret import load_secret
from appliance.store.store import Store
from appliance.store.users import user_exists
from tests.support.commands import run_command


def appliance(*words: object, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real command in its own process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return run_command("token", "create", *words, env={**clean, **environ})


async def test_the_token_works_in_a_server_that_is_already_running(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        authenticator = Authenticator(store, load_secret(tmp_path), Settings())
        ran = appliance(
            "--user", "alice", "--role", "admin", "--expires", "15m", "--data", tmp_path, "--json"
        )
        printed = json.loads(ran.stdout)
        assert list(printed) == ["token"]
        assert (ran.returncode, ran.stderr) == (0, "")

        caller = await authenticator.identify(Credentials(text=printed["token"]))
        assert (caller.user_id, caller.role, caller.tenant) == ("alice", "admin", "default")
        assert caller.expires_at == pytest.approx(time.time() + 900, abs=60)
        assert store.read_now(user_exists, "default", "alice")
        (entry,) = await store.read(audit.entries, tenant="default")
        assert (entry.actor, entry.action, entry.target) == ("cli", "token.create", "alice")
        assert printed["token"] not in str(entry)


def test_without_json_the_token_is_alone_on_stdout(tmp_path: Path) -> None:
    secret = "c" * 32
    ran = appliance("--user", "alice", APPLIANCE_DATA=str(tmp_path), APPLIANCE_JWT_SECRET=secret)
    claims = verify(ran.stdout.strip(), secret, time.time())
    assert (claims.user_id, claims.role) == ("alice", "authenticated")
    assert "1h" in ran.stderr
    assert not (tmp_path / "jwt.secret").exists()


async def test_a_role_of_the_teams_own_arrives_in_the_server(tmp_path: Path) -> None:
    ran = appliance("--user", "alice", "--role", "staff", "--data", tmp_path)
    async with Store.open(database_path(tmp_path)) as store:
        authenticator = Authenticator(store, load_secret(tmp_path), Settings())
        caller = await authenticator.identify(Credentials(text=ran.stdout.strip()))
    assert (caller.user_id, caller.role, caller.is_admin) == ("alice", "staff", False)


def test_a_token_may_be_made_before_the_first_server_and_the_new_folder_is_told(tmp_path: Path) -> None:
    ran = appliance("--user", "alice", "--data", tmp_path / "new")
    assert ran.returncode == 0
    assert "new did not exist" in ran.stderr


def test_the_token_can_be_one_of_another_tenant(tmp_path: Path) -> None:
    missing = appliance("--user", "alice", "--tenant", "acme", "--data", tmp_path)
    assert missing.returncode == 1
    assert "no tenant 'acme'" in missing.stderr
    assert missing.stdout == ""

    db = connect(database_path(tmp_path))
    create_key(db, "tenant", "acme", 0.0)
    db.close()
    made = appliance("--user", "alice", "--tenant", "acme", "--data", tmp_path)
    assert verify(made.stdout.strip(), load_secret(tmp_path), time.time()).tenant == "acme"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ([], 2, "--user"),
        (["--user", "a", "--role", "a b"], 1, "without blanks"),
        (["--user", "a", "--role", ""], 1, "1 to 100 printable"),
        (["--user", "a", "--role", "x" * 101], 1, "1 to 100 printable"),
        (["--user", "a", "--expires", "1y"], 1, "30s, 15m, 1h or 7d"),
        (["--user", " "], 1, "A user id has"),
    ],
)
def test_bad_words_are_one_clear_sentence(tmp_path: Path, words: list[str], code: int, text: str) -> None:
    ran = appliance(*words, "--data", tmp_path)
    assert ran.returncode == code
    assert text in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_a_data_folder_that_cannot_be_one_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = appliance("--user", "alice", "--data", tmp_path / "file")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert str(tmp_path / "file") in ran.stderr


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("1h", 3600), (" 7d ", 604_800)])
def test_lifetimes(text: str, seconds: float) -> None:
    assert parse_lifetime(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "h", "0h", "-1h", "1.5h", "1w", "1 h", "3651d", "9" * 30 + "s", "\u0661h"]
)
def test_what_is_no_lifetime(text: str) -> None:
    with pytest.raises(InvalidInput, match="no lifetime"):
        parse_lifetime(text)
