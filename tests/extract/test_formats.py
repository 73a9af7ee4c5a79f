"""Each format's own ways, on small inputs made here."""

from __future__ import annotations

import io
import json

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.decoding import decode
from appliance.extract.kinds import TEXTS, Kind
from appliance.extract.markdown import headings_of
from appliance.extract.plain import read_text
from appliance.extract.readers import read
from tests.extract.reading import check, read_bytes, titles


def test_a_page_is_read_without_what_stands_around_its_content() -> None:
    page = (
        "<html><head><title>Shop &amp; Co</title><style>p{}</style></head><body><header>Logo</header>"
        "<nav><a href=/>Home</a></nav><article><header><h1>Opening <i>hours</i></h1></header>"
        "<p>Monday<br>to Friday&nbsp;only.</p><script>alert(1)</script><pre>a\n  b</pre>"
        "<p hidden>secret</p><blockquote>Said <a href=/x>somebody</a>.</blockquote></article>"
        "<aside>Advertisement</aside><footer>Imprint</footer></body></html>"
    )
    extracted = read_bytes(page.encode(), "x.html")
    assert extracted.text == "Opening hours\n\nMonday\nto Friday only.\n\n    a\n      b\n\nSaid somebody."
    assert extracted.title == "Shop & Co"
    assert titles(extracted) == [(1, "Opening hours")]


def test_a_page_without_marks_is_kept_but_for_its_menus() -> None:
    assert (
        read_bytes(b"<html><body><nav>Menu</nav><div>One</div>two<p>three", "x").text == "One\n\ntwo\n\nthree"
    )


def test_a_term_stands_with_its_definition() -> None:
    page = (
        "<dl><dt>-n<dt>--dry-run<dd><p>Remove nothing.</p><p>Only show it.</p>"
        "<dt>May I sell it?<dd>Yes.<dt>States:<dd><ul><li>new<li>sent</ul></dl>"
    )
    assert read_bytes(page.encode(), "x.html").text == (
        "-n, --dry-run: Remove nothing.\n\nOnly show it.\n\nMay I sell it?\n\nYes.\n\n"
        "States:\n\n- new\n- sent"
    )


def test_lists_of_chapters_and_links_to_headings_are_left_out() -> None:
    page = (
        "<html><body><div class=navheader><table><tr><td><a href=a>Prev</a><td>Chapter 2</table></div>"
        "<div class='toc'><p>Contents</p><dl><dt><a href=b>1.1. Opening a door</a></dl></div>"
        "<h2>Doors<a class=headerlink href=c>¶</a></h2><p>Turn the key.</p>"
        "<div class='sidebar'>A note that is read, with <a href=d>one link</a>.</div></body></html>"
    )
    extracted = read_bytes(page.encode(), "x.html")
    assert extracted.text == "Doors\n\nTurn the key.\n\nA note that is read, with one link."
    assert [heading.title for heading in extracted.outline.headings] == ["Doors"]


def test_a_note_in_a_table_of_one_row_is_a_sentence_with_its_label() -> None:
    page = "<table><tr><td>Note<td>Set this first.</table><pre>make\ninstall</pre>"
    assert read_bytes(page.encode(), "x.html").text == "Note: Set this first.\n\n    make\n    install"


def test_a_table_of_a_page_repeats_cells_that_span_others() -> None:
    page = (
        "<html><table><tr><th>City<th>Year<th>People</tr><tr><td rowspan=2>Bonn<td>2020<td>1</tr>"
        "<tr><td>2021<td>2</tr><tr><td colspan=2>all<td>3</tr></table>"
    )
    assert read_bytes(page.encode()).text == (
        "City: Bonn; Year: 2020; People: 1\nCity: Bonn; Year: 2021; People: 2\n"
        "City: all; Year: all; People: 3"
    )


def test_a_table_that_lays_out_a_page_is_no_table() -> None:
    page = "<html><table><tr><td><h2>Left</h2><p>one</p></td><td><p>two</p></td></tr></table>"
    assert read_bytes(page.encode()).text == "Left\n\none\n\ntwo"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_csv_is_found(delimiter: str) -> None:
    rows = [["Name", "Price", "Note"], ["Bolt", "1.50", '"a, b"'], ["Nut", "2", ""]]
    data = "\n".join(delimiter.join(row) for row in rows).encode()
    assert read_bytes(data, "x.csv").text == "Name: Bolt; Price: 1.50; Note: a, b\nName: Nut; Price: 2"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("sep=;\nx;y\n1;2,5\n", "x: 1; y: 2,5"),
        ("Report of March\nMade 2026-03-01\n\nDay,Sum,For\n1,5,rent\n2,6,food\n",
         "Report of March\nMade 2026-03-01\n\nDay: 1; Sum: 5; For: rent\nDay: 2; Sum: 6; For: food"),
        ("Account;DE12\nDay;Sum;For\n1;5;rent\n2;6;food\n",
         "Account | DE12\n\nDay: 1; Sum: 5; For: rent\nDay: 2; Sum: 6; For: food"),
        ("Report;;\nDay;Sum;For\n1;5;rent\n", "Report\n\nDay: 1; Sum: 5; For: rent"),
        ("1,2,3\nAnn,Bob,Cid\n4,5,6\n", "1 | 2 | 3\nAnn | Bob | Cid\n4 | 5 | 6"),
    ],
)  # fmt: skip
def test_what_stands_above_the_names_of_a_csv_is_kept_above_them(text: str, read: str) -> None:
    assert read_bytes(text.encode(), "x.csv").text == read


def test_a_csv_without_names_is_rows() -> None:
    assert read_bytes(b"1,2\n3,4\n", "x.csv").text == "1 | 2\n3 | 4"


def test_json_keeps_numbers_as_written_and_lists_of_objects_as_rows() -> None:
    data = b'{"title": "Prices", "items": [{"name": "Bolt", "price": 9.50}, {"name": "Nut", "price": 1e3}]}'
    extracted = read_bytes(data, "x.json")
    assert (
        extracted.text
        == "title: Prices\n\nitems:\n\nname: Bolt; price: 9.50\nname: Nut; price: 1e3".replace(
            "items:\n\n", "items:\n"
        )
    )
    assert extracted.title == "Prices"


def test_what_is_no_json_is_read_as_text_with_a_note() -> None:
    extracted = read_bytes(b"{ // a comment\n}", "settings.json")
    assert extracted.text.startswith("{ // a comment")
    assert extracted.mime_type == "text/plain"
    assert "not valid JSON" in extracted.notes[0]


def test_lines_of_json_are_rows() -> None:
    lines = b'{"a": 1}\n{"a": "x"}\n'
    for name in ("x.ndjson", "x.jsonl", "x.json"):
        assert read_bytes(lines, name).text == "a: 1\na: x"


def test_a_workbook_shows_values_as_people_see_them_and_hides_what_is_hidden() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Stock"
    for row in (
        ["Stock of March"],
        [],
        ["Part", "Count", "Share"],
        ["Bolt", 10, 0.25],
        [None, 0.1 + 0.2, True],
    ):
        sheet.append(row)
    sheet["C4"].number_format = "0%"
    book.create_sheet("Secret").append(["x"])
    book["Secret"].sheet_state = "hidden"
    data = io.BytesIO()
    book.save(data)
    extracted = read_bytes(data.getvalue(), "x.xlsx")
    assert extracted.text == (
        "Stock\n\nStock of March\n\nPart: Bolt; Count: 10; Share: 25%\nCount: 0.3; Share: TRUE"
    )
    assert extracted.notes == ["The hidden sheet Secret was left out."]


def test_headings_in_code_and_comments_are_none() -> None:
    text = "# One #\n\n```\n# no\n```\n\n    # no\n\nTwo\n===\n\n"
    text += "<!--\n# no\n-->\n\n#no\n\n- item\n---\n\n### Three"
    extracted = read_text(text, "text/markdown")
    check(extracted)
    assert titles(extracted) == [(1, "One"), (1, "Two"), (3, "Three")]


_LINES = st.lists(
    st.sampled_from(
        ["# a", "## b ##", "```", "~~~", "text", "", "===", "---", "    code", "#", "a # b", "* * *", "#x"]
    )
)


@given(_LINES)
def test_headings_are_those_of_commonmark(lines: list[str]) -> None:
    text = "\n".join(["x", "", *lines])
    tokens = MarkdownIt("commonmark").parse(text)
    expected = [
        (int(token.tag[1]), tokens[at + 1].content.split("\n")[-1].strip(" \t"))
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and tokens[at + 1].content
    ]
    assert [(heading.level, heading.title) for heading in headings_of(text)] == expected


@given(st.text())
def test_a_text_is_kept_but_for_what_is_no_text(text: str) -> None:
    extracted = read_text(text, "text/markdown")
    check(extracted)
    again = read_text(extracted.text, "text/markdown")
    assert again.text == extracted.text


@pytest.mark.parametrize(
    ("text", "title", "headings"),
    [
        ("# a" + " " * 200_000 + "x", None, 1),
        ("# a" + " #" * 100_000 + "x", None, 1),
        ("# " + "#" * 200_000, "", 0),
        ("#" * 200_000, "", 0),
        ("---\ntitle: a" + " " * 19_000 + "x\n---\n", None, 0),
        ("---\ntitle: 'a" + "' " * 9_000 + "x\n---\n", None, 0),
        ("<!--" * 50_000, "", 0),
        ("`" * 200_000 + "x`", "", 0),
        ("a\n" + "-" * 200_000 + "x", "", 0),
        ("- " * 100_000 + "x", "", 0),
        ("[" * 200_000, "", 0),
        ("\f" * 200_000, "", 0),
        (" " * 200_000 + "x", "", 0),
    ],
)
def test_what_opens_without_end_is_read_in_one_pass(text: str, title: str | None, headings: int) -> None:
    extracted = read_text(text, "text/markdown")
    assert len(extracted.outline.headings) == headings
    assert bool(extracted.title) is (title is None)


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("title: A 'quoted' word", "A 'quoted' word"),
        ('title: "Two words"  ', "Two words"),
        ("title:'x'", "x"),
        ("title: 'half", "'half"),
        ("title:\ntitle: second", "second"),
        ("subtitle: none", ""),
    ],
)
def test_front_matter_tells_the_title(line: str, title: str) -> None:
    assert read_text(f"---\n{line}\n---\nText.", "text/markdown").title == title


def test_blanks_without_end_are_kept_where_no_line_ends() -> None:
    builder = TextBuilder()
    builder.paragraph("\x00a" + " " * 200_000 + "b \t\n  c\u00a0")
    assert builder.build().text == "a" + " " * 200_000 + "b\n  c"


def test_form_feeds_part_pages() -> None:
    extracted = read_text("one\ftwo\f")
    assert extracted.text == "one\ntwo\n"
    assert extracted.outline.pages == [0, 4]


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00")),
    st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
)
def test_marked_encodings_are_exact(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)).removeprefix("\ufeff") == text.removeprefix("\ufeff")


@given(st.binary(max_size=200), st.text(max_size=12))
def test_decoding_never_fails(data: bytes, charset: str) -> None:
    decode(data, charset, is_markup=True)


@pytest.mark.parametrize("kind", sorted(TEXTS))
@given(text=st.text(alphabet=st.sampled_from('<>/"{}[]:,;\n\r\t\\ab1#-=|&pdivtr \x00é😀\ud800')))
def test_whatever_a_text_holds_the_outline_is_exact(kind: Kind, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    try:
        check(read(data, kind))
    except DocumentUnreadable as error:
        assert error.text  # noqa: PT017  # most of these have no text


def test_a_builder_cuts_at_its_limit_and_says_so() -> None:
    builder = TextBuilder(10)
    builder.heading("Title", 1)
    builder.paragraph("a long text")
    builder.paragraph("lost")
    extracted = builder.build(mime_type="x")
    assert extracted.text == "Title\n\na l"
    assert extracted.notes == ["Only the first 10 characters of the text were kept."]


def test_json_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(DocumentUnreadable, match="nested too deeply"):
        read_bytes(json.dumps([]).encode().replace(b"[]", b"[" * 300 + b"]" * 300), "x.json")
