from pathlib import Path

import pytest

from appliance.graphrules import extract
from appliance.knowledge import Document, DocumentFilter, Viewer
from appliance.metadata_filter import Condition, MetadataFilter
from appliance.store.knowledge import bases, documents, graph
from appliance.store.knowledge.graph import Scope
from tests.store.knowledge.shelf import ANYBODY, Shelf

TEXT = "Ada Lovelace works at Acme Inc today. They say Acme Inc is based in Linz. We met in Linz, Austria."
ANN = Viewer(tenant="default", user_id="ann")
BOB = Viewer(tenant="default", user_id="bob")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.open(tmp_path, dimensions=0)


def tell(shelf: Shelf, id: str, text: str, **more) -> Document:
    document = shelf.add(id, text, **more)
    with shelf.db:
        graph.replace(shelf.db, document, extract(text))
    return document


def names(shelf: Shelf, viewer: Viewer = ANYBODY, **asked) -> list[str]:
    return [one.name for one in graph.entities(shelf.db, scope(shelf, viewer), limit=50, **asked)]


def scope(shelf: Shelf, viewer: Viewer = ANYBODY, filter: DocumentFilter | None = None) -> Scope:
    return Scope(base=shelf.base.number, viewer=viewer, filter=filter or DocumentFilter())


def rows(shelf: Shelf) -> list[int]:
    tables = ("entities", "mentions", "relationships", "evidence")
    return [shelf.db.execute(f"SELECT count(*) FROM _graph_{table}").get for table in tables]


def test_documents_that_name_the_same_thing_share_one_entity(shelf):
    tell(shelf, "one", "Acme Inc. is based in Berlin.")
    tell(shelf, "two", "Acme GmbH grew in Berlin. Berlin is large.")
    berlin, acme = sorted(graph.entities(shelf.db, scope(shelf), limit=9), key=lambda one: -one.mentions)
    assert (berlin.name, berlin.documents, berlin.mentions) == ("Berlin", 2, 3)
    assert {acme.name, *acme.aliases} == {"Acme Inc", "Acme GmbH"}
    assert acme.documents == 2


def test_a_document_that_is_being_deleted_says_nothing_any_more(shelf):
    gone = tell(shelf, "one", TEXT)
    tell(shelf, "two", "Acme Inc. is based in Berlin.")
    with shelf.db:
        documents.move(shelf.db, gone.number, bases.limbo(shelf.db, "limbo", 1.0))
    assert sorted(names(shelf)) == ["Acme Inc", "Berlin"]
    assert [one.target.name for one in graph.relationships(shelf.db, scope(shelf), limit=9)] == ["Berlin"]
    assert graph.counts(shelf.db, scope(shelf)) == (2, 1)
    assert graph.entity(shelf.db, scope(shelf), "ada lovelace") is None
    assert "Linz" not in graph.entity(shelf.db, scope(shelf), "acme").snippet


def test_what_is_said_anew_keeps_its_id_and_what_is_said_no_more_is_gone(shelf):
    document = tell(shelf, "one", "Ada Lovelace works at Acme Inc. in Oslo.")
    before = graph.entity(shelf.db, scope(shelf), "acme")
    with shelf.db:
        graph.replace(shelf.db, document, extract("Acme Inc. moved to Rome."))
    assert graph.entity(shelf.db, scope(shelf), "acme").id == before.id
    assert sorted(names(shelf)) == ["Acme Inc", "Rome"]
    assert rows(shelf) == [2, 2, 0, 0]


def test_a_deleted_document_leaves_nothing_behind(shelf):
    tell(shelf, "one", "Ada Lovelace works at Acme Inc. in Oslo.")
    kept = tell(shelf, "two", "Acme Inc. it is.")
    shelf.db.execute("DELETE FROM _documents WHERE id = 'one'")
    assert names(shelf) == ["Acme Inc"]
    assert rows(shelf) == [1, 1, 0, 0]
    shelf.db.execute("DELETE FROM _documents WHERE number = ?", (kept.number,))
    assert rows(shelf) == [0, 0, 0, 0]


def test_what_only_a_users_own_document_says_is_there_for_that_user_alone(shelf):
    tell(shelf, "public", "Acme Inc. is based in Berlin.")
    tell(shelf, "own", "Acme Holding Ltd acquired Beta GmbH. Tom Miller works at Acme.", user_id="ann")
    assert {"Tom Miller", "Beta GmbH"} <= {*names(shelf, ANN)}
    for viewer in (ANYBODY, BOB, Viewer(tenant="other", user_id="ann")):
        assert sorted(names(shelf, viewer)) == ["Acme Inc", "Berlin"]
        assert names(shelf, viewer, text="miller") == names(shelf, viewer, text="beta") == []
        (line,) = graph.relationships(shelf.db, scope(shelf, viewer), limit=9)
        assert (line.type, line.source.name) == ("located_in", "Acme Inc")
        assert graph.counts(shelf.db, scope(shelf, viewer)) == (2, 1)
        acme = graph.entity(shelf.db, scope(shelf, viewer), "Acme")
        assert (acme.aliases, acme.documents, acme.mentions) == ([], 1, 1)
        assert "Tom" not in acme.snippet
        assert graph.entity(shelf.db, scope(shelf, viewer), "Tom Miller") is None
        hidden = graph.entity(shelf.db, scope(shelf, ANN), "Tom Miller")
        assert graph.entity(shelf.db, scope(shelf, viewer), hidden.id) is None
        assert graph.relationships(shelf.db, scope(shelf, viewer), of=[hidden.id], limit=9) == []
        assert {
            one.entity.name for one in graph.related(shelf.db, scope(shelf, viewer), acme, depth=3, limit=9)
        } == {"Berlin"}


def test_a_name_that_only_a_hidden_document_uses_finds_nothing(shelf):
    tell(shelf, "public", "Siemens AG is large.")
    tell(shelf, "own", "Siemens Holding GmbH: Siemens GmbH.", user_id="ann")
    assert names(shelf, BOB, text="gmbh") == []
    assert graph.entity(shelf.db, scope(shelf, BOB), "Siemens GmbH") is None


def test_a_grant_shows_it(shelf):
    document = tell(shelf, "own", "Acme Inc. is based in Berlin.", user_id="ann")
    shelf.db.execute(
        "INSERT INTO _document_grants (id, document, user_id, permission, created_at) "
        "VALUES ('g', ?, 'bob', 'viewer', 0)",
        (document.number,),
    )
    assert sorted(names(shelf, BOB)) == ["Acme Inc", "Berlin"]
    assert names(shelf) == []


def test_only_documents_that_the_filter_lets_through_count(shelf):
    tell(shelf, "sales", "Acme Inc. is based in Berlin.", metadata={"team": "sales"})
    tell(shelf, "law", "Beta GmbH is based in Oslo.", metadata={"team": "law"})
    only = DocumentFilter(metadata=MetadataFilter(conditions=[Condition(key="team", value="law")]))
    found = graph.entities(shelf.db, scope(shelf, filter=only), limit=9)
    assert sorted(one.name for one in found) == ["Beta GmbH", "Oslo"]


def test_entities_are_found_by_type_and_part_of_a_name_whatever_its_case(shelf):
    tell(shelf, "one", "Ada Lovelace works at Acme Inc. in Oslo. 100% of it.")
    assert names(shelf, types=["person"]) == ["Ada Lovelace"]
    assert names(shelf, text="LOVE") == ["Ada Lovelace"]
    assert names(shelf, text="%") == names(shelf, text="_") == names(shelf, text="\ud800") == []
    assert len(graph.entities(shelf.db, scope(shelf), limit=1, offset=1)) == 1


def test_related_entities_come_nearest_first_with_the_path_to_them(shelf):
    tell(
        shelf,
        "one",
        TEXT,
    )
    ada = graph.entity(shelf.db, scope(shelf), "ada lovelace")
    found = graph.related(shelf.db, scope(shelf), ada, depth=3, limit=9)
    assert [one.entity.name for one in found] == ["Acme Inc", "Linz", "Austria"]
    assert [step.type for step in found[2].path] == ["works_at", "located_in", "located_in"]
    assert len(graph.related(shelf.db, scope(shelf), ada, depth=1, limit=9)) == 1
    assert graph.related(shelf.db, scope(shelf), ada, depth=3, types=["owns"], limit=9) == []
    (line,) = graph.relationships(shelf.db, scope(shelf), of=[ada.id], direction="outgoing", limit=9)
    assert line.target.name == "Acme Inc"
    assert graph.relationships(shelf.db, scope(shelf), of=[ada.id], direction="incoming", limit=9) == []


def test_bases_share_nothing(shelf):
    other = Shelf(shelf.db, "other", dimensions=0)
    tell(shelf, "one", "Acme Inc. is based in Berlin.")
    tell(other, "two", "Acme Inc. is based in Oslo.")
    assert sorted(names(shelf)) == ["Acme Inc", "Berlin"]
    acme = graph.entity(shelf.db, scope(shelf), "acme")
    assert graph.entity(shelf.db, scope(other), acme.id) is None
