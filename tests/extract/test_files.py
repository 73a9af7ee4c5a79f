"""Real files of real programs, read to what people see in them."""

from __future__ import annotations

import pytest

from tests.extract.reading import read_file, titles

HANDBOOK = [
    "Willkommen in der Ferienwohnung „Zum Grünen Äpfelbaum”. Dieses Handbuch beantwortet die häufigsten "
    "Fragen unserer Gäste und wird laufend ergänzt. Bitte lesen Sie es vor der Anreise einmal durch, damit "
    "der Aufenthalt ohne Überraschungen beginnt.\n\n",
    "1. Den Wagen im Hof abstellen.\n2. Das Tor schließen.\n3. Den Parkschein sichtbar auslegen.\n\n",
    "日本語の案内は玄関にあります。鍵は箱の中です。",
    "Mehr steht auf unserer Seite.",
]
CHAPTERS = ["Anreise", "Parken", "Preise", "Hausregeln", "Weitere Sprachen"]
DOCUMENTS = ["pandoc.docx", "libreoffice.docx", "pandoc.odt", "pandoc.epub", "handbook.html"]
PDFS = ["chromium.pdf", "libreoffice.pdf"]
RTFS = ["pandoc.rtf", "libreoffice.rtf"]
SLIDES = ["pandoc.pptx", "libreoffice.pptx", "libreoffice.odp"]


@pytest.mark.parametrize("name", [*DOCUMENTS, *PDFS, *RTFS])
def test_every_program_s_handbook_reads_as_its_author_wrote_it(name: str) -> None:
    text = read_file(name).text
    for passage in HANDBOOK:
        assert passage in text
    places = [
        text.index(word) for word in ("Willkommen", "Schlüsselkasten", "Parkschein", "Sommer", "Nachtruhe")
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("name", [*DOCUMENTS, *PDFS])
def test_headings_have_their_levels(name: str) -> None:
    found = titles(read_file(name))
    assert [title for _, title in found][-5:] == CHAPTERS
    levels = {title: level for level, title in found}
    assert levels["Parken"] > levels["Anreise"] == levels["Preise"] >= 2


@pytest.mark.parametrize("name", DOCUMENTS)
def test_rows_of_tables_name_their_columns(name: str) -> None:
    extracted = read_file(name)
    assert "Saison: Winter; Preis je Nacht: 70 €; Mindestdauer: 2 Nächte\n" in extracted.text
    assert len(extracted.outline.blocks) == 2


@pytest.mark.parametrize("name", [*DOCUMENTS, *RTFS])
def test_writing_from_right_to_left_and_emoji_survive(name: str) -> None:
    text = read_file(name).text
    assert "המפתח נמצא בקופסה ליד הדלת." in text
    assert "مفتاح الشقة في الصندوق بجانب الباب." in text
    assert "Viel Spaß! 😀👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿" in text


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nested_lists_are_indented(name: str) -> None:
    assert (
        "- Nachtruhe ab 22 Uhr\n- Müll trennen:\n  - Glas\n  - Papier\n- Nicht rauchen"
        in read_file(name).text
    )


@pytest.mark.parametrize("name", [*DOCUMENTS, *PDFS, "libreoffice.rtf"])
def test_the_title_is_that_of_the_file(name: str) -> None:
    assert read_file(name).title == "Handbuch für Gäste"


def test_markdown_stays_as_it_is_and_has_an_outline() -> None:
    extracted = read_file("handbook.md")
    assert extracted.title == "Handbuch für Gäste"
    assert titles(extracted) == [
        (1, "Handbuch für Gäste"), (2, "Anreise"), (3, "Parken"), (2, "Preise"), (2, "Hausregeln"),
        (2, "Weitere Sprachen"),
    ]  # fmt: skip
    assert "| Winter | 70 €" in extracted.text


@pytest.mark.parametrize("name", PDFS)
def test_pages_of_a_pdf_begin_where_they_begin(name: str) -> None:
    extracted = read_file(name)
    assert len(extracted.outline.pages) == 2
    second = extracted.text[extracted.outline.pages[1] :]
    assert "Willkommen" not in second
    assert "Spaß" in second


@pytest.mark.parametrize("name", PDFS)
def test_rows_of_a_pdf_s_table_are_lines(name: str) -> None:
    assert "Sommer 95 € 5 Nächte\nWinter 70 € 2 Nächte\n" in read_file(name).text


def test_a_report_loses_its_heads_and_feet_and_hyphens_and_nothing_else() -> None:
    extracted = read_file("report.pdf")
    text = extracted.text
    for chapter in range(1, 7):
        assert f"Chapter {chapter}" in text
        for sentence in range(25):
            start = f"Sentence {sentence} of chapter {chapter} tells about the maintenance"
            assert f"{start} of the heating and its extraordinarily complicated regulations." in text
    assert text.count("Maintenance report") == 1
    assert "file://" not in text
    assert "PM" not in text
    assert [title for _, title in titles(extracted)] == [
        "Maintenance report",
        *(f"Chapter {n}" for n in range(1, 7)),
    ]
    assert len(extracted.outline.pages) == 7


@pytest.mark.parametrize("name", SLIDES)
def test_slides_are_pages_with_titles_and_notes(name: str) -> None:
    extracted = read_file(name)
    text, pages = extracted.text, extracted.outline.pages
    assert [title for _, title in titles(extracted)] == ["Quarterly review", "Results", "Regions", "Outlook"]
    assert len(pages) == 4
    assert text[pages[1] :].startswith("Results\n\n")
    assert "Notes: Mention the new customers in Bonn." in text[pages[1] : pages[2]]
    assert "Region: South; Orders: 180; Share: 60 %" in text[pages[2] : pages[3]]
    assert text.endswith("Next year begins with the launch in 東京.")


@pytest.mark.parametrize("name", ["libreoffice.xlsx", "libreoffice.ods", "orders.csv"])
def test_rows_of_sheets_and_of_csv_name_their_columns(name: str) -> None:
    extracted = read_file(name)
    assert (
        "Order: 1001; Customer: Müller & Söhne; City: Köln; Amount: 1.250,50; Ordered: 2025-03-01"
        in extracted.text
    )
    assert "Customer: Schmidt; Partner; City: Bonn" in extracted.text
    assert "Customer: Łukasz Żak; City: Kraków" in extracted.text
    assert len(extracted.outline.blocks) == 3


def test_sheets_are_headings() -> None:
    assert titles(read_file("libreoffice.xlsx")) == [(1, "orders")]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("latin1.txt", "Grüße aus Köln: Die Tür zur Küche schließt nicht."),
        ("cp1251.txt", "Здравствуйте! Заказы принимаются"),
        ("shift-jis.txt", "予約は午後六時まで受け付けています。"),
        ("utf16.txt", "日本語も読めます。"),
    ],
)
def test_texts_of_old_encodings_are_understood(name: str, says: str) -> None:
    assert says in read_file(name).text
