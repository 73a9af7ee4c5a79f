"""Questions to knowledge bases find what is there, for whom it is, whatever is typed."""

import threading
from pathlib import Path

import pytest

from appliance.errors import InvalidInput
from appliance.fusion import WORDS_ENOUGH
from appliance.knowledge import DocumentFilter, Search, Viewer
from appliance.metadata_filter import read_filter
from appliance.store.knowledge.search import search
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

ANNA = Viewer(tenant="default", user_id="anna")
EAST, NORTH, UP = vector(1, 0, 0), vector(0, 1, 0), vector(0, 0, 1)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.open(tmp_path)


def test_a_name_is_found_whole_and_in_its_parts(shelf: Shelf) -> None:
    shelf.add("codes", "The log says ERR_CONN-42 when getUserName fails.")
    shelf.add("other", "Nothing of interest here.")
    for asked in (
        "ERR_CONN-42",
        "err_conn_42",
        "errconn42",
        "conn",
        "getUserName",
        "getusername",
        "user name",
    ):
        assert shelf.found(asked, mode="keyword") == ["codes"], asked


def test_scripts_without_blanks_are_found_by_parts_of_a_sentence(shelf: Shelf) -> None:
    shelf.add("ja", "私は東京の大学で日本語を勉強しています")
    shelf.add("th", "การตั้งค่าเครื่องพิมพ์")
    shelf.add("ko", "프린터를 설정하는 방법")
    assert shelf.found("日本語", mode="keyword") == ["ja"]
    assert shelf.found('"東京の大学"', mode="keyword") == ["ja"]
    assert shelf.found("学", mode="keyword") == ["ja"]
    assert shelf.found("เครื่องพิมพ์", mode="keyword") == ["th"]
    assert shelf.found("프린터", mode="keyword") == ["ko"]


def test_accents_and_case_do_not_matter_and_indic_vowels_do_not_tear_words(shelf: Shelf) -> None:
    shelf.add("fr", "Résumé de l'été")
    shelf.add("hi", "हिन्दी भाषा में")
    assert shelf.found("RESUME ete", mode="keyword") == ["fr"]
    assert shelf.found("Re\u0301sume\u0301", mode="keyword") == ["fr"]
    assert shelf.found("हिन्दी", mode="keyword") == ["hi"]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Our dogs are returned by courier", "dog"),
        ("One dog", "dogs"),
        ("The item may be returned", "return"),
        ("what it costs", "cost of shipping"),
        ("Die Lösung der Größe", "loesung"),
        ("Die Loesung", "Lösung"),
        ("große Straße", "STRASSE"),
        ("alle Rechnungen", "Rechnung"),
        ("Kunden-Nummer", "Kundennummer"),
        ("Les factures détaillées de l\u2019été", "ete"),
        ("Les factures", "facture"),
        ("人事部の連絡先", "連絡先"),
        ("退货政策", "退货"),
        ("반품 정책", "반품"),
        ("كِتَابُ المَدْرَسَة", "كتاب"),
        ("مدرسة", "المدرسه"),
        ("الفاتورة", "فاتورة"),
        ("שָׁלוֹם", "שלום"),
        ("החשבונית", "חשבונית"),
        ("Ещё один договор", "еще"),
        ("ДОГОВОР", "договор"),
        ("Kaffee☕und❤️Tee", "kaffee"),
        ("Kaffee☕und❤️Tee", "tee"),
        ("Die API für 顧客データ ist neu", "顧客"),
        ("iPhone充電器", "iphone"),
        ("Schnell\u00adzugang", "Schnellzugang"),
    ],
)
def test_words_of_a_question_meet_those_of_a_text(shelf: Shelf, text: str, asked: str) -> None:
    shelf.add("other", "Something else entirely")
    shelf.add("right", text)
    (found,) = shelf.ask(asked, mode="keyword")
    assert found.document_id == "right"
    assert found.coverage is not None
    assert found.coverage > 0


def test_the_word_as_it_was_typed_comes_before_its_other_forms(shelf: Shelf) -> None:
    shelf.add("one", "a word about the glass here")
    shelf.add("many", "a word about glasses here")
    assert shelf.found("glasses", mode="keyword") == ["many", "one"]
    assert shelf.found("glass", mode="keyword") == ["one", "many"]


def test_codes_and_names_have_no_other_forms(shelf: Shelf) -> None:
    shelf.add("new", "a new one")
    shelf.add("ae", "the letters ae")
    for asked in ("news", "aes", '"news"', "l", "ERR_7s"):
        assert shelf.found(asked, mode="keyword") == [], asked


def test_a_word_that_is_nowhere_hides_no_passage_that_has_the_others(shelf: Shelf) -> None:
    shelf.add("prices", "The price of a parcel is 5 euros.")
    shelf.add("contracts", "The contract number stands on the first page.")
    for _ in range(8):
        shelf.add(f"filler{_}", "Something else that is said often, with a price.")
    enough = {"mode": "keyword", "threshold": WORDS_ENOUGH}
    assert shelf.found("parcel to Norway price", **enough) == ["prices"]
    assert shelf.found("What is the contract number of Alice?", **enough) == ["contracts"]
    assert shelf.found("Do zebras in Norway sleep with a price?", **enough) == []


def test_quoted_words_must_stand_in_a_row_and_a_star_stands_for_any_ending(shelf: Shelf) -> None:
    shelf.add("row", "a blue whale swims")
    shelf.add("apart", "blue is the whale")
    assert shelf.found('"blue whale" swims', mode="keyword") == ["row"]
    assert shelf.found("swi*", mode="keyword") == ["row"]
    assert shelf.found("swi", mode="keyword") == []


@pytest.mark.parametrize(
    "text",
    ['"', "***", "a:b", "NEAR(x y)", "x AND OR NOT", "^col -x +y", "(((", "'; DROP TABLE _words; --", "\0",
     "\ud800", "{title body} : x", "x" * 100_000, '"' * 999, "_", "🦀", "\u202e", "1e999", "a* OR b*"],
)  # fmt: skip
def test_no_text_is_an_error(shelf: Shelf, text: str) -> None:
    shelf.add("a", "some text", vectors=[EAST])
    for mode in ("keyword", "hybrid", "semantic"):
        shelf.ask(text, mode=mode)
        shelf.ask(text, mode=mode, vector=EAST)


def test_a_question_of_stop_words_alone_is_still_looked_up(shelf: Shelf) -> None:
    shelf.add("who", "who is who")
    shelf.add("x", "unrelated")
    assert shelf.found("who is who?", mode="keyword") == ["who"]


def test_what_was_really_done_is_told(shelf: Shelf) -> None:
    shelf.add("a", "apples", vectors=[EAST])
    number = shelf.base.number
    for text, given, mode, done in (
        ("apples", None, "hybrid", "keyword"),
        ("apples", None, "semantic", "keyword"),
        ("apples", EAST, "hybrid", "hybrid"),
        ("apples", EAST, "semantic", "semantic"),
        ("apples", EAST, "keyword", "keyword"),
        ("!?", EAST, "hybrid", "semantic"),
    ):
        asked = Search(text=text, vector=given, mode=mode, viewer=ANYBODY)
        assert search(shelf.db, [number], asked).mode == done


def test_the_threshold_lets_through_what_is_near_and_what_has_the_words(shelf: Shelf) -> None:
    shelf.add("near", "something else", vectors=[EAST])
    shelf.add("worded", "the zyzzyva manual", vectors=[NORTH])
    shelf.add("neither", "nothing", vectors=[UP])
    assert set(shelf.found("zyzzyva manual", vector=EAST, threshold=0.5)) == {"near", "worded"}
    assert shelf.found("zyzzyva", vector=EAST, threshold=0.5, mode="semantic") == ["near"]
    assert shelf.found("quite unrelated", vector=vector(-1, -1, -1), threshold=0.3) == []
    assert shelf.found("zyzzyva unknown words follow", mode="keyword", threshold=0.9) == []


def test_similarities_say_what_they_are_of(shelf: Shelf) -> None:
    shelf.add("a", "red apples", vectors=[vector(0.6, 0.8, 0)])
    semantic = shelf.ask("pears", vector=EAST, mode="semantic")[0]
    assert (semantic.cosine, semantic.coverage) == (pytest.approx(0.6), None)
    assert semantic.similarity == pytest.approx(0.6)
    keyword = shelf.ask("red pears", mode="keyword")[0]
    assert keyword.cosine is None
    assert 0 < keyword.similarity == keyword.coverage < 1  # type: ignore[operator]
    hybrid = shelf.ask("red apples", vector=EAST)[0]
    assert hybrid.coverage == 1
    assert 0.6 < hybrid.similarity <= 1


def test_semantic_weight_decides_between_the_sides(shelf: Shelf) -> None:
    shelf.add("meant", "orchard fruit", vectors=[EAST])
    shelf.add("worded", "pomegranate", vectors=[NORTH])
    assert shelf.found("pomegranate", vector=EAST, semantic_weight=1.0)[0] == "meant"
    assert shelf.found("pomegranate", vector=EAST, semantic_weight=0.0)[0] == "worded"


def test_a_foreign_document_is_in_no_mode(shelf: Shelf) -> None:
    shelf.add("own", "secret plan of anna", vectors=[EAST], user_id="anna")
    shelf.add("bens", "secret plan of ben", vectors=[EAST], user_id="ben")
    shelf.add("open", "public plan", vectors=[NORTH])
    for mode in ("keyword", "semantic", "hybrid"):
        more = {"mode": mode, "vector": EAST}
        assert set(shelf.found("secret plan", viewer=ANNA, **more)) == {"own", "open"}
        assert set(shelf.found("secret plan", **more)) == {"open"}
        stranger = Viewer(tenant="elsewhere", user_id="anna")
        assert set(shelf.found("secret plan", viewer=stranger, **more)) == {"open"}


def test_a_document_that_is_granted_is_found_by_that_user_of_that_tenant(shelf: Shelf) -> None:
    document = shelf.add("bens", "secret plan", vectors=[EAST], user_id="ben")
    shelf.db.execute(
        "INSERT INTO _document_grants VALUES ('g', ?, 'anna', 'viewer', 'ben', 0)", (document.number,)
    )
    assert shelf.found("plan", viewer=ANNA, vector=EAST) == ["bens"]
    assert shelf.found("plan", viewer=Viewer(tenant="elsewhere", user_id="anna"), vector=EAST) == []
    assert shelf.found("plan", viewer=Viewer(tenant="default", user_id="carl"), vector=EAST) == []


def test_an_or_in_a_filter_does_not_reach_over_whose_a_document_is(shelf: Shelf) -> None:
    shelf.add("bens", "plan", vectors=[EAST], user_id="ben", metadata={"user_id": "ben", "kind": "x"})
    shelf.add("open", "plan", vectors=[EAST], metadata={"kind": "x"})
    either = {
        "conditions": [{"key": "kind", "value": "x"}, {"key": "user_id", "value": "ben"}],
        "logical_op": "OR",
    }
    only = DocumentFilter(metadata=read_filter(either))
    for mode in ("keyword", "semantic", "hybrid"):
        assert shelf.found("plan", filter=only, viewer=ANNA, mode=mode, vector=EAST) == ["open"]


def test_a_filter_never_hides_what_fits_behind_what_does_not(shelf: Shelf) -> None:
    many = [vector(1, 0, number / 10_000) for number in range(1_500)]
    shelf.add("crowd", *(f"common words {number}" for number in range(1_500)), vectors=many)
    shelf.add("rare", "common words indeed", vectors=[vector(0, 1, 0)], tags=["kept"])
    for mode in ("keyword", "semantic", "hybrid"):
        assert shelf.found("common words", vector=EAST, mode=mode, filter=DocumentFilter(tags=["kept"])) == [
            "rare"
        ]


def test_another_users_crowd_does_not_hide_what_one_may_see(shelf: Shelf) -> None:
    many = [vector(1, 0, number / 10_000) for number in range(1_500)]
    shelf.add("crowd", *(f"plan {number}" for number in range(1_500)), vectors=many, user_id="ben")
    other = [vector(0.1, 1, number / 10_000) for number in range(1_200)]
    shelf.add("open", *(f"plan {number} again" for number in range(1_200)), vectors=other)
    for mode in ("keyword", "semantic", "hybrid"):
        assert shelf.found("plan", vector=EAST, mode=mode, limit=5) == ["open"]


def test_what_is_said_twice_is_found_once(shelf: Shelf) -> None:
    text = "The pump must be primed before it is started for the first time, says the maker of it."
    shelf.add("first", text, vectors=[EAST])
    shelf.add("copy", text.upper().replace(" ", "\n"), vectors=[EAST])
    shelf.add("other", "The pump is blue.", vectors=[EAST])
    assert shelf.found("pump", vector=EAST) == ["first", "other"]


def test_neighbours_become_one_passage_that_stands_in_the_document(shelf: Shelf) -> None:
    document = shelf.add("d", "one pump", "two pumps", "far away", vectors=[EAST, EAST, UP], gap="")
    text = "one pumptwo pumpsfar away"
    found = shelf.ask("pump pumps", vector=EAST, threshold=0.9)
    assert [(p.start, p.end, p.content) for p in found] == [(0, 17, text[0:17])]
    assert document.id == found[0].document_id


def test_a_base_of_vectors_refuses_those_that_do_not_fit(shelf: Shelf) -> None:
    shelf.add("a", "text", vectors=[EAST])
    for wrong in (
        vector(1, 0),
        vector(0, 0, 0),
        vector(float("nan"), 0, 1),
        vector(float("inf"), 0, 0),
        b"abc",
    ):
        with pytest.raises(InvalidInput):
            shelf.ask("text", vector=wrong)


def test_another_base_is_not_searched(shelf: Shelf) -> None:
    other = Shelf(shelf.db, "other")
    other.add("theirs", "apples", vectors=[EAST])
    shelf.add("ours", "pears", vectors=[NORTH])
    assert shelf.found("apples", vector=EAST) == ["ours"]
    assert shelf.found("apples", mode="keyword") == []


def test_while_a_document_is_replaced_each_search_has_it_once(shelf: Shelf, tmp_path: Path) -> None:
    done = threading.Event()
    writing = Shelf.open(tmp_path, name="another")

    def replace() -> None:
        document = writing.add("turning", "zyzzyva of the first kind", vectors=[NORTH])
        for n in range(60):
            writing.write(document, f"zyzzyva of kind {n}", vectors=[NORTH])
        done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    asked = Search(text="zyzzyva", vector=NORTH, viewer=ANYBODY, limit=3)
    seen = False
    while not done.is_set() or not seen:
        found = search(shelf.db, [writing.base.number], asked).passages
        seen = seen or bool(found)
        assert [passage.document_id for passage in found] == (["turning"] if seen else [])
        assert all(passage.cosine == pytest.approx(1) and passage.coverage == 1 for passage in found)
    thread.join()
