import json
import os
import subprocess
from pathlib import Path

import pytest

from appliance.errors import InvalidCredential
from appliance.server.auth import Authenticator, Credentials
from appliance.settings import Settings
from appliance.store import audit
from appliance.store.database import connect, database_path
from appliance.store.store import Store
from tests.support.commands import run_command


def appliance(*words: object) -> subprocess.CompletedProcess[str]:
    """The real command in its own process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("APPLIANCE_")}
    return run_command("keys", *words, env=clean)


async def test_a_key_is_made_and_revoked_beside_a_running_server(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        authenticator = Authenticator(store, "s" * 32, Settings())
        made = appliance("create", "--type", "tenant", "--tenant", "acme", "--data", tmp_path, "--json")
        printed = json.loads(made.stdout)
        assert sorted(printed) == ["id", "key"]
        assert (made.returncode, made.stderr) == (0, "")
        caller = await authenticator.identify(Credentials(text=printed["key"]))
        assert (caller.tenant, caller.role, caller.key_id) == ("acme", "tenant_service", printed["id"])

        revoked = appliance("revoke", printed["id"], "--data", tmp_path)
        assert (revoked.returncode, revoked.stdout) == (0, "")
        with pytest.raises(InvalidCredential, match="revoked"):
            await authenticator.identify(Credentials(text=printed["key"]))

        again = appliance("revoke", printed["id"], "--data", tmp_path)
        assert (again.returncode, "already" in again.stderr) == (0, True)
        rows = await store.read(audit.entries, tenant="acme")
        assert [(row.actor, row.action, row.target) for row in rows] == [
            ("cli", "key.revoke", printed["id"]),
            ("cli", "key.create", printed["id"]),
        ]
        assert printed["key"] not in str(rows)


def test_the_list_shows_hints_and_never_keys(tmp_path: Path) -> None:
    key = appliance("create", "--type", "anon", "--data", tmp_path).stdout.strip()
    other = json.loads(appliance("create", "--type", "service", "--data", tmp_path, "--json").stdout)
    appliance("revoke", other["id"], "--data", tmp_path)

    plain = appliance("list", "--data", tmp_path).stdout
    listed = appliance("list", "--data", tmp_path, "--json").stdout
    assert key[3:] not in plain + listed
    assert f"{key[:7]}…{key[-4:]}" in plain
    first, second = json.loads(listed)["keys"]
    assert (first["type"], first["tenant"], first["revoked_at"]) == ("anon", "default", None)
    assert (second["id"], second["type"]) == (other["id"], "service")
    assert second["revoked_at"].endswith("Z")


async def test_what_is_chosen_with_a_key_is_the_callers_and_is_shown(tmp_path: Path) -> None:
    words = ["--bot", "sales:shop", "--stream-format", "ndjson"]
    origins = ["--origin", "https://a.example", "--origin", "http://localhost:3000"]
    key = appliance(
        "create", "--type", "tenant", *words, *origins, *origins[:2], "--data", tmp_path
    ).stdout.strip()
    appliance("create", "--type", "anon", "--data", tmp_path)

    chosen, usual = json.loads(appliance("list", "--data", tmp_path, "--json").stdout)["keys"]
    names = ("bot", "stream_format", "origins")
    assert [chosen[name] for name in names] == [
        "sales:shop",
        "ndjson",
        ["https://a.example", "http://localhost:3000"],
    ]
    assert [usual[name] for name in names] == [None, None, []]
    first, second = appliance("list", "--data", tmp_path).stdout.splitlines()
    shown = "bot=sales:shop  stream_format=ndjson  origins=https://a.example,http://localhost:3000"
    assert first.endswith(f"good  {shown}")
    assert second.endswith("good")

    async with Store.open(database_path(tmp_path)) as store:
        authenticator = Authenticator(store, "s" * 32, Settings())
        caller = await authenticator.identify(Credentials(text=key, origin="https://a.example"))
        assert (caller.default_bot, caller.stream_format) == ("sales:shop", "ndjson")
        row = next(row for row in await store.read(audit.entries, tenant="default") if row.details.get("bot"))
        assert row.details["origins"] == "https://a.example,http://localhost:3000"


def test_an_empty_list_says_how_to_make_a_key(tmp_path: Path) -> None:
    ran = appliance("list", "--data", tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert "appliance keys create" in ran.stderr
    assert json.loads(appliance("list", "--data", tmp_path, "--json").stdout) == {"keys": []}


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["revoke", "nope"], 1, "no key with the id 'nope'"),
        (["create"], 2, "--type"),
        (["create", "--type", "root"], 2, "--type"),
        (["create", "--type", "tenant", "--tenant", "a b"], 1, "tenant's name"),
        (["create", "--type", "tenant", "--stream-format", "xml"], 2, "--stream-format"),
        (["create", "--type", "tenant", "--origin", "example.com"], 1, "'example.com' is no origin"),
        (["create", "--type", "tenant", "--origin", "https://a.example/page"], 1, "is no origin"),
        (["create", "--type", "tenant", "--bot", " "], 1, "' ' is no bot's name"),
    ],
)
def test_bad_words_are_one_clear_sentence(tmp_path: Path, words: list[str], code: int, text: str) -> None:
    ran = appliance(*words, "--data", tmp_path)
    assert ran.returncode == code
    assert text in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("words", [["list"], ["revoke", "some"]])
def test_a_data_folder_that_does_not_exist_is_not_made(tmp_path: Path, words: list[str]) -> None:
    ran = appliance(*words, "--data", tmp_path / "typo")
    assert (ran.returncode, ran.stdout, (tmp_path / "typo").exists()) == (1, "", False)
    assert "check --data, or start the server once" in ran.stderr


def test_a_refused_key_leaves_nothing_behind(tmp_path: Path) -> None:
    appliance("create", "--type", "tenant", "--tenant", "a b", "--data", tmp_path)
    db = connect(database_path(tmp_path))
    assert db.execute("SELECT count(*) FROM _api_keys").get == 0
    assert db.execute("SELECT count(*) FROM _tenants").get == 1
    assert audit.entries(db, tenant="default") == []
    db.close()
