import json
from collections.abc import AsyncIterator
from types import SimpleNamespace

import msgspec
import pytest

from appliance.bot import Bot
from appliance.engine.knowledge import graph
from appliance.engine.knowledge.graph import BotGraph
from appliance.engine.knowledge.retrieval import Served
from appliance.errors import AuthRequired, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.knowledge import Document, KnowledgeBase, Link
from appliance.protocols.fluxbase import knowledge_graph as endpoints
from appliance.store.knowledge import documents
from appliance.store.knowledge import graph as stored
from appliance.tools.base import ToolContext, ToolError
from appliance.tools.knowledge_graph import TOOLS
from appliance.wire import Request
from tests.engine.knowledge.shelf import ADMIN, Shelf
from tests.engine.knowledge.shelf import shelf as open_shelf

ANN = Caller(user_id="ann", role="authenticated")
BOB = Caller(user_id="bob", role="authenticated")
TEXT = "Ada Lovelace works at Acme Inc today. They say Acme Inc is based in Linz. They live in Linz, Austria."


@pytest.fixture
async def shelf(tmp_path) -> AsyncIterator[Shelf]:
    async with open_shelf(tmp_path) as shelf:
        yield shelf


async def told(shelf: Shelf, base: KnowledgeBase, id: str, text: str, **more) -> None:
    def write(db) -> None:
        document = documents.add(
            db, Document(number=0, id=id, base=base.number, title=id, status="indexed", **more)
        )
        stored.replace(db, document, graph.extract(text))

    await shelf.store.write(write)


@pytest.fixture
async def base(shelf) -> KnowledgeBase:
    base = await shelf.base("support", visibility="public")
    await told(shelf, base, "public", TEXT)
    await told(shelf, base, "own", "Tom Miller works at Acme Inc.", user_id="ann")
    return base


async def use(shelf: Shelf, base: KnowledgeBase, tool: str, caller: Caller = BOB, **arguments):
    link = Link(id="l", base_id=base.id, base_name=base.name, namespace="default", bot="help", **LEVEL)
    context = ToolContext(
        bot=Bot(name="help", namespace="default", prompt="Help."),
        caller=caller,
        user_message="",
        run_sql=None,
        graph=BotGraph(shelf.library, caller, [Served(link, base)]),
    )
    one = next(one for one in TOOLS if one.name == tool)
    return json.loads((await one.run(context, arguments)).content)


LEVEL: dict = {}


async def test_a_model_finds_entities_with_what_is_said_of_them(shelf, base):
    told = await use(
        shelf,
        base,
        "query_knowledge_graph",
        knowledge_base_id="support",
        search_query="ada",
        include_relationships=True,
    )
    assert [one["name"] for one in told["entities"]] == ["Ada Lovelace"]
    assert [(one["relationship_type"], one["target"]) for one in told["relationships"]] == [
        ("works_at", "Acme Inc")
    ]


async def test_a_model_follows_relationships_no_further_than_three_steps(shelf, base):
    ada = await use(
        shelf, base, "browse_knowledge_graph", knowledge_base_id=base.id, start_entity="Ada Lovelace"
    )
    assert [(one["name"], one["relationship"]) for one in ada["neighbors"]] == [("Acme Inc", "works_at")]
    told = await use(
        shelf,
        base,
        "find_related_entities",
        knowledge_base_id=base.id,
        entity_id=ada["entity"]["id"],
        max_depth=10**9,
    )
    assert [(one["name"], one["depth"]) for one in told["related"]] == [
        ("Acme Inc", 1),
        ("Linz", 2),
        ("Austria", 3),
    ]


async def test_a_model_sees_what_its_user_may_see(shelf, base):
    for caller, people in (
        (ANN, {"Ada Lovelace", "Tom Miller"}),
        (BOB, {"Ada Lovelace"}),
        (ADMIN, {"Ada Lovelace"}),
    ):
        told = await use(
            shelf, base, "query_knowledge_graph", caller, knowledge_base_id="support", entity_type="person"
        )
        assert {one["name"] for one in told["entities"]} == people


@pytest.mark.parametrize(
    ("tool", "arguments", "word"),
    [
        ("query_knowledge_graph", {"knowledge_base_id": "secrets"}, "Available: support"),
        ("query_knowledge_graph", {"knowledge_base_id": " "}, "blank"),
        ("query_knowledge_graph", {"knowledge_base_id": "support", "entity_type": "ghost"}, "entity_type"),
        (
            "browse_knowledge_graph",
            {"knowledge_base_id": "support", "start_entity": "Tom Miller"},
            "no entity",
        ),
        (
            "browse_knowledge_graph",
            {"knowledge_base_id": "support", "start_entity": "x", "direction": "up"},
            "direction",
        ),
        ("find_related_entities", {"knowledge_base_id": "support", "entity_id": "\ud800"}, "no entity"),
        (
            "find_related_entities",
            {"knowledge_base_id": "support", "entity_id": "Linz", "relationship_types": ["near"]},
            "relationship_types",
        ),
    ],
)
async def test_a_model_is_told_what_is_wrong(shelf, base, tool, arguments, word):
    with pytest.raises(ToolError, match=word):
        await use(shelf, base, tool, **arguments)


async def test_a_link_with_a_filter_shows_only_what_passes_it(shelf, base, monkeypatch):
    await told(shelf, base, "law", "Beta GmbH is based in Oslo.", metadata={"team": "law"})
    filtered = {"access_level": "filtered", "filter_expression": {"team": "law"}}
    monkeypatch.setitem(globals(), "LEVEL", filtered)
    found = await use(shelf, base, "query_knowledge_graph", knowledge_base_id="support")
    assert {one["name"] for one in found["entities"]} == {"Beta GmbH", "Oslo"}
    monkeypatch.setitem(globals(), "LEVEL", filtered | {"filter_expression": {"owner": "$user_id"}})
    with pytest.raises(ToolError, match="no knowledge base"):
        await use(shelf, base, "query_knowledge_graph", Caller(), knowledge_base_id="support")


async def ask(shelf: Shelf, path: str, caller: Caller = BOB, query: dict | None = None, **variables):
    engine = SimpleNamespace(services=SimpleNamespace(library=shelf.library))
    (endpoint,) = [one for one in endpoints.USER_ENDPOINTS if one.path.endswith(path)]
    request = Request(caller=caller, path=variables, query=query or {})
    return json.loads(msgspec.json.encode((await endpoint.handler(engine, request)).body))


async def test_endpoints_tell_the_graph_as_the_caller_may_see_it(shelf, base):
    whole = await ask(shelf, "/graph", id=base.id)
    assert (whole["entity_count"], whole["relationship_count"]) == (4, 3) == (len(whole["entities"]), 3)
    assert (await ask(shelf, "/graph", ANN, id=base.id))["entity_count"] == 5
    acme = (await ask(shelf, "/entities/search", query={"query": "acme"}, id=base.id))["entities"][0]
    assert acme["metadata"]["documents"] == 1
    lines = await ask(shelf, "/relationships", id=base.id, eid=acme["id"])
    assert {(one["relationship_type"], one["direction"]) for one in lines["relationships"]} == {
        ("works_at", "incoming"),
        ("located_in", "outgoing"),
    }
    places = await ask(shelf, "/entities", query={"type": "location"}, id=base.id)
    assert {one["canonical_name"] for one in places["entities"]} == {"linz", "austria"}


async def test_what_is_hidden_looks_as_what_is_missing(shelf, base):
    hidden = (await ask(shelf, "/entities/search", ANN, {"q": "tom"}, id=base.id))["entities"][0]
    texts = set()
    for id in (hidden["id"], "no-such-id", "Ada Lovelace"):
        with pytest.raises(NotFound) as caught:
            await ask(shelf, "/relationships", id=base.id, eid=id)
        texts.add(caught.value.public_text)
    assert len(texts) == 1
    closed = await shelf.base("closed")
    for path in ("/entities", "/graph"):
        with pytest.raises(NotFound):
            await ask(shelf, path, id=closed.id)
        with pytest.raises(AuthRequired):
            await ask(shelf, path, Caller(), id=base.id)
    for query in ({}, {"q": "x" * 501}, {"q": "x", "types": "ghost"}, {"q": "x", "limit": "0"}):
        with pytest.raises(InvalidInput):
            await ask(shelf, "/entities/search", query=query, id=base.id)
