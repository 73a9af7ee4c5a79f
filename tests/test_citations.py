"""Citations are let through where they are true, whatever the pieces in which the text comes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.citations import Citations, cited_in, plain, quotation_before, stands_in, without_markers
from appliance.messages import Source


def source(number: int, content: str) -> Source:
    return Source(
        number=number,
        document_id="d",
        chunk_id=f"c{number}",
        title="T",
        knowledge_base="k",
        similarity=0.5,
        content=content,
    )


RETURNS = source(1, "You can **return** any item\nwithin 30 days of delivery — unused.")
SHIPPING = source(2, "Orders ship in two days. Norway: 9 €.")


def through(
    text: str, pieces: list[str] | None = None, sources: tuple[Source, ...] = (RETURNS, SHIPPING)
) -> str:
    citations = Citations()
    citations.add(sources)
    return "".join([*(citations.feed(piece) for piece in pieces or [text]), citations.flush()])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Within a month [1].", "Within a month [1]."),
        ("Within a month[1].", "Within a month[1]."),
        ("Within a month [7].", "Within a month."),
        ("Both [1, 2] and [1][2].", "Both [1][2] and [1][2]."),
        ("Both [1, 9].", "Both [1]."),
        ('"return any item within 30 days" [1]', '"return any item within 30 days" [1]'),
        ("“Return any item within 30 days…” [1]", "“Return any item within 30 days…” [1]"),
        ('"return any item within 60 days" [1]', '"return any item within 60 days"'),
        ('"Orders ship in two days." [1]', '"Orders ship in two days."'),
        ('"Orders ship in two days." [1][2]', '"Orders ship in two days." [2]'),
        ("„Orders ship in two days“ [2] gilt.", "„Orders ship in two days“ [2] gilt."),
        ("« Orders ship … Norway: 9 € » [2]", "« Orders ship … Norway: 9 € » [2]"),
        ("«Norway … Orders» [2]", "«Norway … Orders»"),
        ('"rders ship in two" [2]', '"rders ship in two"'),
        ('He said "no". Ships soon [2].', 'He said "no". Ships soon [2].'),
        ("Call `rows[7]` or rows[7].", "Call `rows[7]` or rows[7]."),
        ("```\nx = a [7]\n```\nand [7]", "```\nx = a [7]\n```\nand"),
        ("See [1](https://example.com) or [9](/x).", "See [1](https://example.com) or [9](/x)."),
        ("In [2024] and [x] and [ ].", "In [2024] and [x] and [ ]."),
        ("The range is [0, 10], a list is [7, 8, 9].", "The range is [0, 10], a list is [7, 8, 9]."),
        (
            '"return any item within 60 days" in the terms [1].',
            '"return any item within 60 days" in the terms.',
        ),
        (
            '"return any item within 60 days," says it (see [1])',
            '"return any item within 60 days," says it (see)',
        ),
        ('"return any item within 60 days" **[1]**', '"return any item within 60 days" ****'),
        ("> return any item within 60 days [1]", "> return any item within 60 days"),
        ("> return any item within 30 days [1]", "> return any item within 30 days [1]"),
        ('"made up for this" [1] and so [2]', '"made up for this" and so [2]'),
        ('The so-called "item" is free [1]', 'The so-called "item" is free [1]'),
        ('It costs "9 €" [2], not "0 days" [1]', 'It costs "9 €" [2], not "0 days"'),
        ("See [^1], [ 9 ] and 【2】.", "See [1], and [2]."),
        ("An open [", "An open ["),
        ("An open [1", "An open [1"),
    ],
)
def test_a_citation_stays_only_where_it_is_true(text: str, shown: str) -> None:
    assert through(text) == shown
    assert through(text, pieces=[*text]) == shown
    rng = random.Random(len(text))
    cuts = sorted(rng.sample(range(len(text) + 1), min(3, len(text))))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert through(text, pieces=pieces) == shown


@pytest.mark.parametrize("piece", [1, 20_000])
def test_many_blanks_brackets_and_quotes_take_no_time(piece: int) -> None:
    for text in (" " * 20_000, "[" * 20_000, "[1" * 10_000, '"' * 20_000, "`" * 20_000, "[1]" * 7_000):
        citations = Citations()
        citations.add([RETURNS])
        for at in range(0, len(text), piece):
            citations.feed(text[at : at + piece])
        citations.flush()
        without_markers(text)


def test_code_in_pieces_is_code() -> None:
    text = "```py\nx = rows [9]\n```\nNothing [9]. A `tick.\n\nNothing [9]."
    assert through(text) == "```py\nx = rows [9]\n```\nNothing. A `tick.\n\nNothing."
    for size in (1, 2, 3, 4, 5, 7):
        assert through(text, [text[at : at + size] for at in range(0, len(text), size)]) == through(text)


def test_without_documents_nothing_is_touched() -> None:
    citations = Citations()
    assert citations.feed("As in [3] and [4].") + citations.flush() == "As in [3] and [4]."


def test_with_documents_and_no_passage_found_no_citation_stays() -> None:
    assert through("It is so [1].", sources=()) == "It is so."


def test_what_was_cited_is_told() -> None:
    citations = Citations()
    citations.add([RETURNS, SHIPPING])
    citations.feed('"made up words" [1] and so [2] and [8]')
    citations.flush()
    assert citations.cited == {2}


def test_plain_text_is_shown_at_once() -> None:
    citations = Citations()
    citations.add([RETURNS])
    assert citations.feed("Within 30 days") == "Within 30 days"
    assert citations.feed(" [") == ""
    assert citations.feed("1") == ""
    assert citations.feed("]. Then") == " [1]. Then"


@given(st.text(alphabet=st.sampled_from([*'ab 1297[](),;"”“«»`.\n…', "é", "商"]), max_size=60), st.data())
def test_pieces_make_no_difference_and_only_markers_go(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    shown = through(text, pieces=pieces)
    assert shown == through(text, pieces=[*text])
    assert without_markers(shown).replace(" ", "") == without_markers(text).replace(" ", "") or "`" in text


def test_the_quotation_before_a_marker_is_found() -> None:
    assert quotation_before('It says "thirty days".') == "thirty days"
    assert quotation_before('It says "thirty days" [1]') == "thirty days"
    assert quotation_before("It says **“thirty days”**") == "thirty days"
    assert quotation_before('A 19" ') is None
    assert quotation_before("It says so") is None


def test_quotes_are_compared_by_wording_alone() -> None:
    passage = plain("The *net* price\n| is “9\u201310 EUR” | per month.")
    assert stands_in("the net price is '9-10 eur' per month", passage)
    assert stands_in("The net … per month", passage)
    assert not stands_in("per month … the net", passage)
    assert not stands_in("The net prices", passage)


def test_positions_of_citations_are_found_in_a_finished_answer() -> None:
    text = "Soon [2], or later [1, 2]."
    assert [(text[a:b], found.number) for a, b, found in cited_in(text, [RETURNS, SHIPPING])] == [
        ("[2]", 2),
        ("[1, 2]", 1),
        ("[1, 2]", 2),
    ]
