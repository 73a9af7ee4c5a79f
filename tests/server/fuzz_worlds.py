"""What a fuzzer finds when it comes to a face: callers who may ask, and things that are there."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from appliance.knowledge import Gap
from appliance.store import console_links
from appliance.store.database import connect, database_path
from appliance.store.keys import KeyType, create_key
from appliance.store.knowledge import gaps
from tests.support.stack import Stack


class World(NamedTuple):
    """What there is to ask for: the headers of good callers, and the ids of things that are there."""

    headers: list[dict[str, str]]
    ids: dict[str, list[Any]]
    """By the name of a path's variable, or of a body's field."""


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def key(served: Stack, kind: KeyType = "tenant") -> str:
    db = connect(database_path(served.data))
    _, text = create_key(db, kind, "default", time.time(), bot="shop" if kind == "tenant" else "")
    db.close()
    return text


def fluxbase(served: Stack, client: httpx.Client) -> World:
    admin = bearer(served.token("root", role="admin"))
    bots = [one["id"] for one in client.get("/api/v1/ai/chatbots").json()["chatbots"]]
    question = {"role": "user", "content": "How many users are there?"}
    body = {"model": "shop", "store": True, "messages": [question]}
    client.post("/v1/chat/completions", json=body, headers=admin).raise_for_status()
    kept = client.get("/api/v1/ai/conversations", headers=admin).json()["conversations"][0]["id"]
    messages = client.get(f"/api/v1/ai/conversations/{kept}", headers=admin).json()["messages"]
    results = [one["result_id"] for one in messages[1]["query_results"] if "result_id" in one]
    bases, documents, entities = knowledge(client, admin)
    ids = {"id": [*bots, kept, *results, *bases], "knowledge_base_id": bases, "doc": documents}
    ids |= {"eid": entities, "q": ["orders"]}
    ids |= {"name": ["shop"], "user": ["ann"]}
    ids |= {"table": [with_vectors(served)], "column": ["embedding"], "vector": [[1.0, 0.5]]}
    return World([admin], ids)


def with_vectors(served: Stack) -> str:
    """The name of a table of the team's with a column of vectors."""
    db = connect(database_path(served.data))
    db.execute("CREATE TABLE lamps (name TEXT, embedding TEXT); INSERT INTO lamps VALUES ('red', '[1, 0]')")
    db.close()
    return "lamps"


def knowledge(client: httpx.Client, headers: dict[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Two knowledge bases, each with a document that is shared, as is the base, and an entity."""
    bases, documents, entities = [], [], []
    for name in ("first", "second"):
        made = client.post("/api/v1/ai/knowledge-bases", json={"name": name}, headers=headers)
        path = f"/api/v1/ai/knowledge-bases/{made.json()['id']}"
        text = {"content": "All about lamps.", "tags": ["some text"]}
        added = client.post(f"{path}/documents", json=text, headers=headers).json()["document_id"]
        grant = {"user_id": "ann", "permission": "viewer"}
        client.post(f"{path}/share", json=grant, headers=headers).raise_for_status()
        client.post(f"{path}/documents/{added}/permissions", json=grant, headers=headers).raise_for_status()
        bases.append(made.json()["id"])
        documents.append(added)
        tables = f"/api/v1/admin{path.removeprefix('/api/v1')}/tables/export"
        made = client.post(tables, json={"table": "orders"}, headers=headers).json()
        entities.append(made["entity_id"])
    return bases, documents, entities


def fluxbase_admin(served: Stack, client: httpx.Client) -> World:
    world = fluxbase(served, client)
    provider = {"name": "second", "provider_type": "openai", "enabled": False, "config": {"model": "m"}}
    made = client.post("/api/v1/admin/ai/providers", json=provider, headers=world.headers[0])
    third = {"name": ["third"], "provider_type": ["openai"], "config": [{"model": "m", "api_key": "k" * 20}]}
    bases = [id for id in world.ids["id"] if id in world.ids["knowledge_base_id"]]
    path = f"/api/v1/admin/ai/knowledge-bases/{bases[0]}/sync-configs"
    kept = client.post(path, json={"table": "orders"}, headers=world.headers[0]).json()["id"]
    linked = client.get("/api/v1/ai/chatbots").json()["chatbots"][0]["id"]
    links = f"/api/v1/admin/ai/chatbots/{linked}/knowledge-bases"
    for base in bases:
        client.post(links, json={"knowledge_base_id": base}, headers=world.headers[0]).raise_for_status()
    data = {"schema": ["public"], "table": ["users"], "columns": [["id"]], "sid": [kept], "kb": bases}
    gap = ask_in_vain(served)
    ids = [*world.ids["id"], made.json()["id"], gap]
    return World(world.headers, {**world.ids, "id": ids, **third, **data})


def ask_in_vain(served: Stack) -> str:
    """The id of a question that no document answered."""
    at = time.time()
    gap = Gap(
        id=str(uuid.uuid4()),
        namespace="default",
        bot="shop",
        question="How warm is it?",
        count=1,
        reason="nothing",
        best=0.0,
        conversation_id="",
        first_at=at,
        last_at=at,
    )
    db = connect(database_path(served.data))
    gaps.note(db, "default", "how warm is it", gap)
    db.close()
    return gap.id


def chatbase(served: Stack, client: httpx.Client) -> World:
    """Two conversations, for an answer that is made anew is gone."""
    headers = bearer(key(served))
    body = {"message": "How many users are there?", "stream": False, "userId": "ann"}
    said = [client.post("/api/v2/agents/shop/chat", json=body, headers=headers).json() for _ in "12"]
    conversations = [one["data"]["metadata"]["conversationId"] for one in said]
    messages = [one["data"]["id"] for one in said]
    ids = {
        "agent": ["shop"],
        "user": ["ann"],
        "conversation": conversations,
        "conversationId": conversations[:1],
        "message": messages,
        "messageId": messages[:1],
        "toolCallId": ["none"],
    }
    return World([headers], ids)


def ai_sdk(served: Stack, client: httpx.Client) -> World:
    parts = [{"type": "text", "text": "How many users are there?"}]
    messages = [{"id": "m1", "role": "user", "parts": parts}]
    ids = {"bot": ["shop"], "id": ["chat-0123456789abcdef"], "messages": [messages]}
    return World([bearer(served.token()), {}], ids)


def console(served: Stack, client: httpx.Client) -> World:
    """An admin's session and an admin's token: some things are an account's own, and sessions end."""
    db = connect(database_path(served.data))
    with db:
        token = console_links.make_first(db, time.time())
    db.close()
    password = "a horse, a battery"
    body = {"token": token, "name": "ann", "password": password}
    client.post("/admin/api/setup", json=body).raise_for_status()
    cookie = f"appliance_console={client.cookies['appliance_console']}"
    client.cookies.clear()
    admin = bearer(served.token("root", role="admin"))
    client.post("/admin/api/accounts", json={"name": "bob"}, headers=admin).raise_for_status()
    link = client.post("/admin/api/accounts", json={"name": "cy"}, headers=admin).json()["link"]
    ids = {"account": ["bob"], "setting": ["enabled"], "name": ["fresh"], "token": [link.partition("=")[2]]}
    ids |= console_things(served, client, admin)
    ids |= {"password": [password], "old": [password], "new": [password], "display_name": ["Some Body"]}
    return World([admin, {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}], ids)


def console_things(served: Stack, client: httpx.Client, admin: dict[str, str]) -> dict[str, list[Any]]:
    """One of everything that its pages are about; a provider that lacks a key, so that nobody is asked."""
    provider = {"name": "second", "provider_type": "openai", "config": {"model": "m"}}
    made = [
        client.get("/admin/api/bots", headers=admin).json()["items"][0]["id"],
        client.post("/admin/api/providers", json=provider, headers=admin).json()["id"],
        client.post("/admin/api/keys", json={"type": "anon"}, headers=admin).json()["key"]["id"],
        ask_in_vain(served),
        "ann",
        "offline",
        client.post(
            "/admin/api/bots", json={"name": "made", "code": "You are helpful."}, headers=admin
        ).json()["id"],
    ]
    served.token("ann")
    bases, documents, _ = knowledge(client, admin)
    backups = [client.post("/admin/api/backups", headers=admin).json()["name"] for _ in "12"]
    question = {"role": "user", "content": "How many users are there?"}
    body = {"model": "shop", "store": True, "messages": [question]}
    for _ in "12":
        client.post("/v1/chat/completions", json=body, headers=admin)  # an answer that fails is one, too
    talks = [item["id"] for item in client.get("/admin/api/conversations", headers=admin).json()["items"]]
    told = client.get(f"/admin/api/conversations/{talks[0]}", headers=admin).json()
    turns = [told["messages"][-1]["turn_id"]]
    things = {"id": [*made, *bases, *talks], "turn_id": turns, "doc": documents}
    things |= {"backup": backups, "key": ["shop.key"]}
    asked = {"bot": ["shop"], "sql": ["SELECT count(*) FROM orders"], "role": ["staff", "operator"]}
    return {**things, **asked, "provider_type": ["openai"], "config": [{"model": "m"}], "items": [[]]}


def lexicon(served: Stack, client: httpx.Client) -> World:
    headers = {"X-API-Key": key(served)}
    chats = [client.post("/api/v1/chats/", json={"user_id": "ann"}, headers=headers).json() for _ in "12"]
    return World([headers], {"chat_id": [one["id"] for one in chats], "user_id": ["ann"]})


def openai(served: Stack, client: httpx.Client) -> World:
    messages = [{"role": "user", "content": "How many users are there?"}]
    ids = {"model": ["shop"], "messages": [messages], "n": [1], "tools": [[]], "functions": [[]]}
    return World([bearer(key(served)), bearer(served.token())], ids)


def botpress(served: Stack, client: httpx.Client) -> World:
    """Two of everything, for each dialect may delete one."""
    ann, bob = (client.post("/botpress/shop/users", json={"id": id}).json()["key"] for id in ("ann", "bob"))
    mine, hers = ({"x-user-key": text, "x-chat-key": text} for text in (ann, bob))
    ids = []
    for _ in "12":
        made = client.post("/botpress/shop/conversations", json={"participants": ["bob"]}, headers=mine)
        id = made.json()["conversation"]["id"]
        said = {"conversationId": id, "payload": {"type": "text", "text": "Hi"}}
        message = client.post("/botpress/shop/messages", json=said, headers=mine).json()["message"]
        event = client.post("/botpress/shop/events", json={**said, "payload": {}}, headers=mine).json()[
            "event"
        ]
        ids += [id, message["id"], event["id"]]
    known = {"bot": ["shop"], "user_id": ["bob", "ann"], "userId": ["bob"], "conversationId": ids[:1]}
    text = {"type": "text", "text": "Hi"}
    fids = ["mine", "other"]
    return World(
        [mine, hers], {**known, "id": ids, "payload": [text], "participants": [["bob"]], "fid": fids}
    )


def widget(served: Stack, client: httpx.Client) -> World:
    """A visitor with two conversations that have an answer and a file each, and another who is deleted."""
    tokens = [
        client.post("/api/v1/widget/bots/shop/session", json={}).json()["token"] for _ in ("mine", "other")
    ]
    mine = bearer(tokens[0])
    body = {"model": "shop", "store": True, "messages": [{"role": "user", "content": "How many users?"}]}
    for _ in "12":
        client.post("/v1/chat/completions", json=body, headers=mine).raise_for_status()
    kept = client.get("/api/v1/widget/conversations", headers=mine).json()["items"]
    ids = [one["id"] for one in kept]
    db = connect(database_path(served.data))
    sql = "SELECT id FROM _messages WHERE role = 'assistant' AND conversation_id IN (?, ?)"
    answers = [str(row[0]) for row in db.execute(sql, ids).fetchall()]
    db.close()
    files = []
    for id in ids:
        form = {"file": ("a.txt", b"Some words to read.")}
        made = client.post(f"/api/v1/widget/conversations/{id}/files", files=form, headers=mine)
        if made.is_success:
            files.append(made.json()["id"])
    known = {"bot": ["shop"], "id": ids, "message_id": answers, "file_id": files or ["none"]}
    values = {"user": [None], "jwt": [None], "visitor": [tokens[1]], "value": ["positive", None]}
    return World([mine], {**known, **values})


WORLDS: dict[str, Callable[[Stack, httpx.Client], World]] = {
    "AI SDK": ai_sdk,
    "Botpress Chat": botpress,
    "Chatbase": chatbase,
    "Console": console,
    "Fluxbase": fluxbase,
    "Fluxbase admin": fluxbase_admin,
    "Lexicon": lexicon,
    "OpenAI": openai,
    "Widget": widget,
}
