"""Files in which it is not plain what follows what: pages that lie, writing from the right, merged cells."""

from __future__ import annotations

import io
import zipfile

import pytest

from appliance.extract.kinds import kind_of
from tests.extract.reading import file, read_bytes, read_file

ARABIC = "تقرير ABC-12 من Oslo في 2026-03-01."
HEBREW = "תקופת האחריות היא 30 חודשים (מיום הקנייה). מספר ABC-7 בלבד!"


@pytest.mark.parametrize("name", ["writing.pdf", "writing-libreoffice.pdf"])
def test_a_pdf_in_writing_from_right_to_left_reads_as_it_is_read(name: str) -> None:
    text = read_file(name).text
    assert ARABIC in text
    assert HEBREW in text
    assert "The word שלום means peace." in text


def test_ligatures_and_words_that_were_drawn_the_other_way_round_are_whole() -> None:
    said = "مدة الضمان ثلاثون شهرا ويمكن الإرجاع خلال 14 يوما. الأسئلة الشائعة، لا تقبل إلا بالفاتورة؟"
    assert said in read_file("writing.pdf").text


def test_columns_from_above_are_sentences() -> None:
    assert "保証期間は三十か月です。返品は十四日以内。" in read_file("writing.pdf").text


def test_letters_beyond_the_basic_plane_are_kept() -> None:
    assert "The set \U0001d4b3 is empty." in read_file("writing.pdf").text


def test_words_that_are_broken_with_a_typographic_hyphen_are_put_together() -> None:
    text = read_file("hyphens.pdf").text
    assert "\u2010" not in text
    for word in ("complicated", "internationalisation", "misunderstood", "telecommunications"):
        assert word in text


def test_pages_that_lie_or_stand_on_their_head_are_read_in_order() -> None:
    extracted = read_file("turned.pdf")
    assert extracted.text == (
        "Landscape heading\n\n"
        "The quick brown fox jumps over the lazy dog and then it goes on for another line of the same "
        "paragraph which ends here.\n\n"
        "Second paragraph begins with this and is long enough to be a whole line and ends.\n\n"
        "Lying on its side, first line. Lying, second line.\n\n"
        "Upside down first. Upside down second.\n\n"
        "Downward first line. Downward second line."
    )
    assert len(extracted.outline.pages) == 4


def test_what_was_filled_into_a_form_stands_beside_its_label() -> None:
    assert read_file("form.pdf").text == (
        "Name of the applicant: Ada Lovelace\n"
        "Number of the contract: K-4711\n\n"
        "[x] I agree to the rules.\n"
        "[ ] Send me letters.\n\n"
        "We answer within five days."
    )


@pytest.mark.parametrize("name", ["merged.docx", "merged.odt"])
def test_cells_that_span_others_are_told_in_each_row(name: str) -> None:
    text = read_file(name).text
    assert "Country: Norway; Way: Ship; Days: 9\nCountry: Norway; Way: Plane; Days: 2\n" in text
    assert text.count("Closed on Sundays") == 1


@pytest.mark.parametrize("name", ["merged.docx", "merged.odt", "merged.rtf"])
def test_what_was_deleted_while_changes_were_tracked_is_not_read(name: str) -> None:
    assert "Delivery takes five days." in read_file(name).text


def test_deleted_text_of_an_rtf_goes_with_the_groups_in_it_and_nothing_else_does() -> None:
    source = rb"{\rtf1 a {\deleted x {\b y} \{z\}} b {\b\deleted w} c {\*\deletedstyle q} \'7b d}"
    assert read_bytes(source, "x.rtf").text.split() == ["a", "b", "c", "{", "d"]


@pytest.mark.parametrize("name", ["merged.docx", "merged.odt"])
def test_a_table_in_a_table_is_read_once(name: str) -> None:
    text = read_file(name).text
    assert "in 00 | in 01\nin 10 | in 11" in text
    assert text.count("in 11") == 1
    assert "Outer left" in text
    assert "Outer right" in text


def test_a_formula_is_read_by_its_letters() -> None:
    assert "The area is a\xd7b." in read_file("merged.docx").text


def test_texts_in_drawings_and_groups_of_a_slide_are_read() -> None:
    assert read_file("drawn.odp").text == "Sites\n\nOslo in a box\n\nRome in a group"


def test_a_remark_on_a_cell_is_not_its_value() -> None:
    """And a value below a merged cell still has its column."""
    assert read_file("remark.ods").text == "Stock\n\nPart: Bolt; Count: 10\nCount: 20\nPart: Nut; Count: 5"


def test_an_open_document_that_was_packed_anew_is_known_by_its_name() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file("merged.odt"))) as old, zipfile.ZipFile(out, "w") as new:
        for info in sorted(old.infolist(), key=lambda info: info.filename):
            new.writestr(info.filename, old.read(info), zipfile.ZIP_DEFLATED)
    assert kind_of(out.getvalue(), "letter.odt") == "odt"
    assert "Delivery takes five days." in read_bytes(out.getvalue(), "letter.odt").text
