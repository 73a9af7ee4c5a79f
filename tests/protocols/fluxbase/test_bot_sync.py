"""`client.admin.ai.sync()` as the SDK calls it: of a payload, and of the folder of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from appliance.store.bots import BOTS_MAX
from appliance.store.database import connect, database_path
from appliance.store.settings import put
from appliance.store.vault import Vault
from tests.support.admin_bots import (
    BAD,
    BOTS,
    CODE,
    EVERYTHING,
    OTHER,
    AdminAI,
    active,
    admin_token,
    asked,
    bot,
    done,
    trail,
)
from tests.support.model_replies import openai_text
from tests.support.sdk import create_client
from tests.support.stack import OPEN_BOT, stack

# -- sync of a payload ---------------------------------------------------------------------------------


async def test_a_sync_creates_leaves_updates_and_deletes(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        assert done(await admin.sync(bot("a"), bot("b"))) == {"created": ["a", "b"]}
        a = (await admin.get_chatbot("a")).data
        assert (a["source"], a["version"], a["max_tokens"], a["description"]) == ("sdk", 1, 500, "A helper")
        assert done(await admin.sync(bot("a"), bot("b"))) == {"unchanged": ["a", "b"]}
        assert (await admin.get_chatbot("a")).data == a, "nothing of an unchanged one moves"
        assert done(await admin.sync(bot("a", OTHER), bot("b"))) == {"updated": ["a"], "unchanged": ["b"]}
        newer = (await admin.get_chatbot("a")).data
        assert (newer["version"], newer["created_at"], newer["id"]) == (2, a["created_at"], a["id"])
        gone = await admin.sync(bot("b"), delete_missing=True)
        assert done(gone) == {"unchanged": ["b"], "deleted": ["a"]}
        assert await admin.names() == ["b", "shop"], "only those of source sdk go"
        assert [row.details for row in trail(served)] == [
            {"created": ["default/a", "default/b"], "ip": "127.0.0.1"},
            {"updated": ["default/a"], "ip": "127.0.0.1"},
            {"deleted": ["default/a"], "ip": "127.0.0.1"},
        ]


async def test_a_sync_answers_a_chat_with_the_new_code_at_once(tmp_path: Path) -> None:
    async with (
        trio.open_nursery() as nursery,
        stack(tmp_path, [openai_text("Hi")] * 2) as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        admin = AdminAI(client)
        for code, words in ((CODE, "Help."), (OTHER, "Help better.")):
            await admin.sync(bot("sent", code))
            await asked(served, nursery, "sent")
            assert served.model is not None
            assert words in served.model.requests[-1].body["messages"][0]["content"]
        nursery.cancel_scope.cancel()


async def test_a_dry_run_tells_the_same_as_the_real_run_and_changes_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("old"), bot("same"), bot("gone"))
        before, rows = await admin.list_chatbots(), trail(served)
        payload = (bot("old", OTHER), bot("same"), bot("new"), bot("bad", BAD))
        dry = await admin.sync(*payload, dry_run=True, delete_missing=True)
        assert (await admin.list_chatbots(), trail(served)) == (before, rows)
        real = await admin.sync(*payload, delete_missing=True)
        differing = ("dry_run", "message")
        assert {k: v for k, v in dry.items() if k not in differing} == {
            k: v for k, v in real.items() if k not in differing
        }
        assert done(real) == {
            "created": ["new"],
            "updated": ["old"],
            "unchanged": ["same"],
            "deleted": ["gone"],
        }
        assert (dry["dry_run"], real["dry_run"]) == (True, False)


async def test_one_bad_bot_is_an_entry_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("known"))
        data = await admin.sync(
            bot("bad", BAD),
            bot("known", ""),
            bot("two", temperature=3),
            bot(""),
            bot("a/b"),
            bot("good"),
            bot("good", OTHER),
            {"name": "codeless"},
            bot("md", "---\nnope: 1\n---\np"),
            bot("ops", allowed_operations=["DROP"]),
            delete_missing=True,
        )
        assert done(data) == {"created": ["good"]}
        told = {(one["name"], one["action"]): one["error"] for one in data["errors"]}
        assert told.pop(("bad", "create")).startswith("line 2: row-rules ")
        assert told == {
            ("known", "update"): "line 1: is empty",
            ("two", "create"): "temperature must be between 0 and 2, not 3.0.",
            ("", "create"): "chatbot 4: its name must have 1 to 100 characters",
            ("a/b", "create"): "chatbot 5: its name must not have a slash",
            ("good", "create"): "is sent twice; the first one counts",
            ("codeless", "create"): "line 1: is empty",
            ("md", "create"): "line 2: unknown setting nope",
            ("ops", "create"): ("allowed_operations may name SELECT, INSERT, UPDATE, DELETE, not 'DROP'."),
        }
        assert (await admin.get_chatbot("known")).data["code"] == CODE, "a bad update keeps the good bot"


async def test_fields_of_an_entry_go_before_the_annotations(tmp_path: Path) -> None:
    fields = {
        **EVERYTHING,
        "allowed_tables": ["users"],
        "allowed_operations": ["select", "insert"],
        "allowed_schemas": ["sales"],
        "original_code": "// before bundling",
        "is_pre_bundled": True,
    }
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(bot("sent", CODE.replace("500", "600"), **fields))
        sent = (await admin.get_chatbot("sent")).data
        assert {name: sent[name] for name in EVERYTHING} == EVERYTHING
        assert sent["allowed_operations"] == ["SELECT", "INSERT"]
        assert (sent["allowed_tables"], sent["allowed_schemas"]) == (["users"], ["sales"])
        assert (sent["original_code"], sent["is_bundled"]) == ("// before bundling", True)
        assert done(await admin.sync(bot("sent", CODE.replace("500", "600"), **fields))) == {
            "unchanged": ["sent"]
        }
        assert done(await admin.sync(bot("sent", CODE.replace("500", "600")))) == {"updated": ["sent"]}
        assert (await admin.get_chatbot("sent")).data["max_tokens"] == 600


async def test_code_is_typescript_or_markdown_by_what_is_in_it(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        data = await admin.sync(
            bot("ts"), bot("md", OPEN_BOT), bot("text", "You are terse."), namespace="team"
        )
        assert data["namespace"] == "team"
        assert data["summary"]["created"] == 3
        md = (await admin.get_chatbot("md", "team")).data
        assert (md["namespace"], md["allowed_tables"]) == ("team", ["users", "orders"])


async def test_what_a_sync_deletes_makes_room_for_what_it_creates(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.sync(*(bot(f"old{number}", "x") for number in range(BOTS_MAX)))
        for room in (
            await admin.sync(bot("new"), dry_run=True),
            await admin.sync(bot("shop", OTHER), dry_run=True),
        ):
            assert "is the limit" in room["errors"][0]["error"], "a file of that name is no room"
        assert done(await admin.sync(bot("new"), delete_missing=True))["created"] == ["new"]


async def test_warnings_tell_of_annotations_and_settings(tmp_path: Path) -> None:
    code = CODE.replace(
        "max-tokens 500", "max-tokens many\n * @fluxbase:required-settings crm.url, crm.key, user:me"
    )
    async with stack(tmp_path, encryption_key="k" * 32) as served:
        db = connect(database_path(tmp_path))
        put(db, Vault("k" * 32), tenant="default", key="crm.key", value="x", secret=True, now=1.0)
        db.close()
        async with create_client(served.url, admin_token(served)) as client:
            data = await AdminAI(client).sync(bot("sent", code))
    assert done(data) == {"created": ["sent"]}
    messages = [
        "line 3: max-tokens must be a whole number of at least 1, not 'many'",
        "required-settings: nobody has made crm.url; make it with: appliance settings set crm.url",
    ]
    assert data["warnings"] == [
        {"name": "sent", "namespace": "default", "message": message} for message in messages
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"chatbots": "x"},
        {"chatbots": [1]},
        {"chatbots": [{"name": 5, "code": "x"}]},
        {"options": {"dry_run": "no"}},
        {"namespace": "a/b"},
        {"namespace": " a"},
        [],
    ],
)
async def test_a_sync_that_is_no_sync_is_400(tmp_path: Path, body: Any) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        assert (await client.request("POST", f"{BOTS}/sync", body)).error.status == 400


async def test_syncs_come_from_allowed_addresses_only(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, sync_allowed_ips="10.0.0.0/8") as served,
        create_client(served.url, admin_token(served)) as client,
    ):
        refused = await client.request("POST", f"{BOTS}/sync", {"chatbots": [bot("a")]})
        assert refused.error.status == 403
        assert "127.0.0.1" in refused.error.message
        assert await AdminAI(client).names() == ["shop"]


HOSTILE = {
    "mcp-servers": '{"sh": {"command": "sh -c id"}}',
    "http-headers": '{"evil.example": {"X": "{{crm.key}}"}}',
    "http-allowed-domains": "localhost:9200",
}


@pytest.mark.parametrize("key", HOSTILE)
async def test_an_admin_key_is_no_shell_unless_the_operator_says_so(tmp_path: Path, key: str) -> None:
    code = CODE.replace("max-tokens 500", f"{key} {HOSTILE[key]}")
    for trusted in (False, True):
        async with (
            stack(tmp_path, api_bots_trusted=trusted) as served,
            create_client(served.url, admin_token(served)) as client,
        ):
            admin = AdminAI(client)
            data = await admin.sync(bot("sent", code))
            if trusted:
                assert done(data) == {"created": ["sent"]}
            else:
                assert "APPLIANCE_API_BOTS_TRUSTED" in data["errors"][0]["error"]
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        sent = (await AdminAI(client).get_chatbot("sent")).data
        assert not sent["enabled"]
        assert "APPLIANCE_API_BOTS_TRUSTED" in sent["bundle_error"], "trust that was taken away is gone"


async def test_a_sent_bot_goes_before_a_file_of_its_name_while_it_is_there(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        await admin.toggle_chatbot("shop", False)
        assert done(await admin.sync(bot("shop"))) == {"updated": ["shop"]}
        sent = (await admin.get_chatbot("shop")).data
        assert (sent["source"], sent["version"], sent["enabled"], sent["code"]) == ("sdk", 3, False, CODE)
        assert "served instead of this file" in sent["warnings"][0]
        data = await admin.sync(bot("other"), delete_missing=True)
        assert done(data) == {"created": ["other"], "deleted": ["shop"]}
        back = (await admin.get_chatbot("shop")).data
        assert (back["source"], back["code"], back["enabled"]) == ("filesystem", OPEN_BOT, False)


# -- sync of the files -----------------------------------------------------------------------------------


async def test_a_sync_of_the_files_keeps_the_namespaces_of_the_layout(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "team/deep/helper/bot.md": OPEN_BOT}
    async with stack(tmp_path, bots=bots) as served, create_client(served.url, admin_token(served)) as client:
        admin = AdminAI(client)
        assert done(await admin.sync()) == {"unchanged": ["shop", "helper"]}
        folder = served.data / "bots"
        (folder / "team/new.ts").write_text(CODE)
        (folder / "shop/bot.md").write_text(OPEN_BOT.replace("You are", "Be"))
        (folder / "bad").mkdir()
        (folder / "bad/bot.md").write_text("---\ntemprature: 1\n---\n")
        part = await admin.sync(namespace="team")
        assert (part["namespace"], done(part)) == ("team", {"created": ["new"], "unchanged": ["helper"]})
        dry = await admin.sync(dry_run=True)
        real = await admin.sync()
        assert done(dry) == done(real) == {"updated": ["shop"], "unchanged": ["helper", "new"]}
        ((bad),) = real["errors"]
        assert (bad["name"], bad["action"], dry["errors"]) == ("bad", "create", [bad])
        assert "unknown setting temprature" in bad["error"]
        assert [(one["namespace"], one["name"]) for one in await admin.list_chatbots("team")] == [
            ("team", "helper"),
            ("team", "new"),
        ]


async def test_a_sync_of_the_files_deletes_only_what_was_a_file_and_only_when_asked(tmp_path: Path) -> None:
    async with (
        trio.open_nursery() as nursery,
        stack(tmp_path, [openai_text("Hi")] * 2, bots={"shop": OPEN_BOT, "old": OPEN_BOT}) as served,
        create_client(served.url, served.token("root", role="admin")) as client,
    ):
        admin = AdminAI(client)
        await admin.sync(bot("sent"))
        await asked(served, nursery, "old")
        (served.data / "bots/old/bot.md").unlink()
        assert done(await admin.sync()) == {"unchanged": ["shop"]}
        assert active(served) == ["old"]
        assert done(await admin.sync(delete_missing=True, dry_run=True)) == {
            "unchanged": ["shop"],
            "deleted": ["old"],
        }
        assert active(served) == ["old"]
        assert done(await admin.sync(delete_missing=True)) == {"unchanged": ["shop"], "deleted": ["old"]}
        assert active(served) == []
        assert done(await admin.sync(delete_missing=True)) == {"unchanged": ["shop"]}
        assert await admin.names() == ["sent", "shop"]
        nursery.cancel_scope.cancel()
