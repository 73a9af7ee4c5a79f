# ruff: noqa: RUF001 - the punctuation of all scripts is meant
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from appliance.chunking import SIZE_MAX, SIZE_MIN, check_sizes, chunk
from appliance.errors import InvalidInput
from appliance.knowledge import STRATEGIES, Heading, Outline, Piece, Strategy

SENTENCE = "The lighthouse keeper wrote down each ship that passed. "


def contents(text: str, pieces: list[Piece]) -> list[str]:
    return [text[piece.start : piece.end] for piece in pieces]


def cut(text: str, outline: Outline | None = None, *, strategy: Strategy = "recursive", size=64, overlap=0):
    return chunk(text, outline or Outline(), strategy=strategy, size=size, overlap=overlap)


def headings_of_markdown(text: str) -> Outline:
    found, at = [], 0
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            found.append(Heading(at, len(line) - len(line.lstrip("#")), line.lstrip("#").strip()))
        at += len(line)
    return Outline(headings=found)


def check_promises(text: str, pieces: list[Piece], size: int, overlap: int) -> None:
    """What holds for any text and any outline."""
    covered, before = 0, None
    for piece in pieces:
        content = text[piece.start : piece.end]
        assert 0 <= piece.start < piece.end <= len(text)
        assert content == content.strip() != ""
        assert len(content) <= size * 4
        assert not text[covered : piece.start].strip()
        if before is not None:
            assert piece.start > before.start
            assert piece.end > before.end
            assert before.end - piece.start <= overlap * 4
        covered, before = piece.end, piece
    assert not text[covered:].strip()


PARTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "\n\n", "\n", ". ", ", ", "! ", "...", "e.g. ", "Dr. ", "3.5", "```\n", "| a | b |\n",
            "# Title\n", "- item\n", "。", "？", "؟ ", "। ", "你好世界", "สวัสดี", "e\u0301",
            "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽",
            "\ud83d\ude00", "\u00a0", " " * 70, "x" * 90, "\r\n", "\x00", "각",
        ]
    ),
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=60).map("".join)


@st.composite
def outlines(draw: st.DrawFn) -> Outline:
    place = st.integers(-5, 1500)
    headings = draw(st.lists(st.builds(Heading, place, st.integers(-1, 9), st.text(max_size=8)), max_size=12))
    numbers = st.lists(place, max_size=12)
    return Outline(headings=headings, pages=draw(numbers), blocks=draw(numbers))


@settings(max_examples=400, deadline=None)
@given(
    text=TEXTS,
    outline=outlines(),
    strategy=st.sampled_from(STRATEGIES),
    size=st.integers(1, 80),
    share=st.floats(0, 0.99),
)
@example(text="a" * 300, outline=Outline(), strategy="recursive", size=16, share=0.9)
@example(text="\u0301" * 300, outline=Outline(), strategy="fixed", size=16, share=0.5)
def test_nothing_is_lost_and_no_chunk_is_too_long_whatever_the_text(text, outline, strategy, size, share):
    overlap = int(size * share)
    pieces = chunk(text, outline, strategy=strategy, size=size, overlap=overlap)
    check_promises(text, pieces, size, overlap)
    assert pieces == chunk(text, outline, strategy=strategy, size=size, overlap=overlap)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS, strategy=st.sampled_from(STRATEGIES), overlap=st.integers(0, 15))
def test_no_cut_divides_what_people_see_as_one_character(text, strategy, overlap):
    for piece in cut(text, strategy=strategy, size=16, overlap=overlap):
        for edge in (piece.start, piece.end):
            if 0 < edge < len(text) and not text[edge - 1].isspace():
                assert not unicodedata.combining(text[edge])
                assert "\u200d" not in (text[edge], text[edge - 1]) or "\u200d" * 10 in text
                assert not ("\ud800" <= text[edge - 1] <= "\udbff" and "\udc00" <= text[edge] <= "\udfff")
                assert text[edge - 1 : edge + 1] not in ("👍🏽", "🇩🇪")


def test_a_text_without_words_has_no_chunks():
    for strategy in STRATEGIES:
        assert cut("", strategy=strategy) == []
        assert cut(" \n\t\u00a0\r\n", strategy=strategy) == []


def test_a_short_text_is_one_chunk_without_the_blanks_around_it():
    assert cut("\n  Hello there.  \n") == [Piece(start=3, end=15)]


@pytest.mark.parametrize("strategy", ["recursive", "paragraph", "sentence"])
def test_chunks_are_whole_sentences(strategy):
    text = SENTENCE * 200
    for content in contents(text, cut(text, strategy=strategy, overlap=20)):
        assert content.startswith("The ")
        assert content.endswith("passed.")


@pytest.mark.parametrize(
    ("sentence", "ends"),
    [
        (
            "Ask Dr. Weber, e.g. by mail, about 3.5 litres of U.S. oil vs. British oil in fig. 7 today. ",
            "today.",
        ),
        (
            "Die Frist endet am 3. Mai bzw. am 12. Juni, d.h. z. B. nach der Abnahme durch Hrn. Otto. ",
            "Otto.",
        ),
        (
            "J. R. R. Tolkien asked: “Who goes there?” and walked on to the inn... slowly, without rest. ",
            "rest.",
        ),
        ("灯塔看守人每天都写下经过的每一艘船的名字和时间，然后把本子放回抽屉里。", "。"),
        ("彼は「誰ですか？」と言った後で静かに部屋を出て行ったので誰も気がつかなかった！", "！"),
        ("كتب الحارس في دفتره أسماء كل السفن التي مرت أمام المنارة في تلك الليلة الطويلة؟ ", "؟"),
        ("प्रकाशस्तंभ के रखवाले ने हर उस जहाज का नाम लिखा जो रात में वहाँ से गुजरा। ", "।"),
    ],
)
def test_abbreviations_and_decimals_end_no_sentence_in_any_script(sentence, ends):
    text = sentence * 60
    found = contents(text, cut(text, size=48))
    assert len(found) > 5
    assert all(content.endswith(ends) and content[:3] == sentence[:3] for content in found)


def test_a_sentence_that_fits_is_not_cut_for_the_sake_of_a_full_chunk():
    long = "A " + "very " * 48 + "long sentence."
    assert contents(f"Short one. {long}", cut(f"Short one. {long}")) == ["Short one.", long]


def test_recursive_prefers_paragraphs_then_lines_of_lists_then_sentences():
    paragraph = SENTENCE * 3
    text = "\n\n".join([paragraph.strip()] * 6)
    assert set(contents(text, cut(text))) == {paragraph.strip()}
    items = "\n".join(f"- Item {n} has a first sentence. And a second one." for n in range(30))
    assert all(content.startswith("- Item") for content in contents(items, cut(items)))


def test_a_wrapped_line_is_no_place_to_cut_while_sentences_end_elsewhere():
    text = ("The keeper wrote\ndown each ship that\npassed the tower. " * 30).strip()
    assert all(content.endswith("tower.") for content in contents(text, cut(text)))


def test_paragraph_strategy_keeps_short_paragraphs_whole_and_cuts_long_ones_at_sentences():
    text = "Short paragraph.\n\n" + SENTENCE * 12
    found = contents(text, cut(text, strategy="paragraph"))
    assert found[0] == "Short paragraph."
    assert all(content.endswith(".") for content in found)


def test_fixed_strategy_makes_even_windows_with_exact_overlap():
    text = "abcdefghij" * 100
    pieces = cut(text, strategy="fixed", size=16, overlap=4)
    assert all(len(content) == 64 for content in contents(text, pieces)[:-1])
    assert all(b.start == a.end - 16 for a, b in pairwise(pieces))


def test_overlap_begins_at_a_sentence_or_else_at_a_word():
    text = SENTENCE * 40
    pieces = cut(text, overlap=16)
    assert all(text[piece.start :].startswith("The lighthouse") for piece in pieces)
    assert all(0 < a.end - b.start <= 64 for a, b in pairwise(pieces))
    words = "lantern window staircase " * 60
    pieces = cut(words, overlap=10)
    assert len(pieces) > 3
    for a, b in pairwise(pieces):
        assert 0 < a.end - b.start <= 40
        assert words[b.start - 1] == " "


def test_overlap_in_a_script_without_blanks_repeats_some_characters():
    text = "没有标点的很长的句子一直写下去" * 60
    pieces = cut(text, overlap=10)
    assert all(0 < a.end - b.start <= 40 for a, b in pairwise(pieces))


def test_sections_are_not_mixed_and_the_titles_above_go_along():
    text = f"# Guide\n\n## Install\n\n{SENTENCE * 3}\n\n### Windows\n\n{SENTENCE * 8}\n\n"
    text += f"## Use\n\n{SENTENCE * 3}\n"
    pieces = cut(text, headings_of_markdown(text), overlap=16)
    assert pieces[0].headings == ["Guide", "Install"]
    assert text[pieces[0].start :].startswith("# Guide\n\n## Install\n\nThe light")
    windows = [piece for piece in pieces if piece.headings == ["Guide", "Install", "Windows"]]
    assert len(windows) > 1
    assert text[windows[0].start :].startswith("### Windows")
    assert pieces[-1].headings == ["Guide", "Use"]
    assert text[pieces[-1].start : pieces[-1].end].startswith("## Use")
    assert all("## Use" not in content for content in contents(text, pieces[:-1]))


def test_small_sections_of_one_parent_share_a_chunk():
    text = (
        "# Words\n\n"
        + "".join(f"## Word {n}\nIts meaning.\n\n" for n in range(6))
        + "# Next\n\nOther things.\n"
    )
    found = contents(text, cut(text, headings_of_markdown(text)))
    assert found[-1] == "# Next\n\nOther things."
    assert len(found) < 6
    assert all(content.endswith("meaning.") for content in found[:-1])


@pytest.mark.parametrize("strategy", STRATEGIES[:3])
def test_a_heading_stays_with_the_text_behind_it(strategy):
    for heading in ("# A title\n\n", "A title\n=======\n\n"):
        text = heading + "word " * 200
        outline = Outline(headings=[Heading(0, 1, "A title")])
        first = contents(text, cut(text, outline, strategy=strategy))[0]
        assert first.startswith(heading + "word word")


def test_pages_are_those_of_the_starts():
    page = SENTENCE * 10
    text = page * 3
    outline = Outline(pages=[0, len(page), 2 * len(page)])
    pieces = cut(text, outline)
    assert [piece.page for piece in pieces] == [1 + piece.start // len(page) for piece in pieces]
    assert {piece.page for piece in pieces} == {1, 2, 3}
    assert cut(text)[0].page is None


def test_rows_stay_whole_where_they_can():
    rows = [
        f"Name: Person {n}. City: Harbour Town. Note: {'likes boats, ' * (n % 7)}ok.\n" for n in range(60)
    ]
    starts = [sum(map(len, rows[:n])) for n in range(60)]
    text = "".join(rows)
    pieces = cut(text, Outline(blocks=starts), overlap=20)
    assert all(content.startswith("Name:") and content.endswith("ok.") for content in contents(text, pieces))


def test_code_and_tables_are_not_cut_when_they_fit():
    code = "```python\n" + "value = compute(1).  Then = 2\n\n" * 5 + "```"
    table = "| name | city |\n|---|---|\n" + "| Ann. Bee | Rome |\n" * 8
    text = f"{SENTENCE * 2}\n\n{code}\n\n{SENTENCE * 2}\n\n{table}\n\n{SENTENCE * 2}"
    found = contents(text, cut(text, overlap=16))
    assert any(code in content for content in found)
    assert any(table.strip() in content for content in found)


def test_a_table_that_is_too_long_is_cut_between_its_lines():
    table = "| name | city |\n|---|---|\n" + "| Ann. Bee | Rome |\n" * 80
    for content in contents(table, cut(table, overlap=10)):
        assert content.startswith("|")
        assert content.endswith("|")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("unit", ["a", "\n", "a\n", ". ", "\u200d", "🇩", "```\n", "|\n|", ".]", "。", "Dr. "])
def test_long_hostile_texts_are_cut_in_one_go(unit, strategy):
    text = "a" + unit * (300_000 // len(unit)) + "b"
    check_promises(text, cut(text, strategy=strategy, size=512, overlap=500), 512, 500)


def test_very_many_headings_are_no_burden():
    text = "#\n" * 50_000 + "end"
    outline = Outline(headings=[Heading(2 * n, n + 1, "t" * 1000) for n in range(50_000)])
    pieces = cut(text, outline)
    check_promises(text, pieces, 64, 0)
    assert all(
        len(piece.headings) <= 12 and all(len(title) <= 200 for title in piece.headings) for piece in pieces
    )


@pytest.mark.parametrize(
    ("size", "overlap", "word"),
    [
        (SIZE_MIN - 1, 0, "chunk_size"),
        (SIZE_MAX + 1, 0, "chunk_size"),
        (64, 64, "smaller"),
        (64, -1, "chunk_overlap"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(size, overlap, word):
    with pytest.raises(InvalidInput, match=word):
        check_sizes(size, overlap)


def test_usual_sizes_are_accepted():
    for size, overlap in ((SIZE_MIN, SIZE_MIN - 1), (512, 50), (SIZE_MAX, 0)):
        check_sizes(size, overlap)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_marks_of_a_markdown_heading_stay_with_it(strategy: Strategy) -> None:
    text = "# One\n\n" + "Some words here. " * 8 + "\n\n  ## Two\n\n" + "Other words there. " * 8
    outline = Outline(headings=[Heading(text.index("One"), 1, "One"), Heading(text.index("Two"), 2, "Two")])
    pieces = chunk(text, outline, strategy=strategy, size=40, overlap=0)
    assert [text[piece.start : piece.end].split()[:2] for piece in pieces] == [["#", "One"], ["##", "Two"]]
    assert [piece.headings for piece in pieces] == [["One"], ["One", "Two"]]
