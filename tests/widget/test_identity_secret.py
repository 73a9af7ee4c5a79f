"""The identity secret: shown once, by a command, kept so that only the vault opens it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli.keys import command
from appliance.errors import StoreError
from appliance.store import settings, widget_secret
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault

NOW = 1_700_000_000.0


def run(data: Path, *words: str) -> dict[str, str | None]:
    got = CliRunner().invoke(command, ["identity", "--json", "--data", str(data), *words])
    assert got.exit_code == 0, got.output
    told: dict[str, str | None] = json.loads(got.stdout)
    return told


def test_the_command_shows_a_secret_once_and_a_hint_afterwards(tmp_path: Path) -> None:
    made, again, new = run(tmp_path), run(tmp_path), run(tmp_path, "--rotate")
    assert made["secret"]
    assert again == {"hint": made["hint"], "secret": None}
    assert new["secret"] not in (None, made["secret"])
    db = connect(database_path(tmp_path))
    vault = Vault(load_encryption_key(tmp_path))
    at = float(db.execute("SELECT rotated_at FROM _identity_secrets").get)
    assert widget_secret.accepted(db, vault, "default", at) == [new["secret"], made["secret"]]
    assert widget_secret.accepted(db, vault, "default", at + 86_401) == [new["secret"]]
    assert (
        db.execute("SELECT count(*) FROM _audit WHERE action = 'identity.rotate' AND actor = 'cli'").get == 2
    )
    row = db.execute("SELECT value, previous FROM _identity_secrets").fetchone()
    assert row is not None
    assert not any(str(made["secret"]).encode() in bytes(blob) for blob in row)
    db.close()
    unknown = CliRunner().invoke(command, ["identity", "--data", str(tmp_path), "--tenant", "none"])
    assert "There is no tenant 'none'" in str(unknown.exception)


def test_another_encryption_key_takes_the_secrets_along(tmp_path: Path) -> None:
    db = connect(database_path(tmp_path))
    old, new = Vault("o" * 32), Vault("n" * 32)
    settings.prepare(db, old)
    first = widget_secret.make(db, old, "default", NOW)
    second = widget_secret.rotate(db, old, "default", NOW)
    with pytest.raises(StoreError, match="identity secret default"):
        widget_secret.accepted(db, new, "default", NOW)
    settings.reseal(db, old, new)
    assert widget_secret.accepted(db, new, "default", NOW) == [second, first]
    db.close()
