"""Labelled sentences: what they say, and what they only seem to say. A wrong find is worse than none."""

import pytest

from appliance.graphrules import TEXT_CHARS_MAX, extract
from appliance.graphrules_kinds import ENTITIES_MAX, ENTITY_TYPES, RELATIONSHIP_TYPES

NAMES = [
    ("Dr. Ada Lovelace wrote the notes.", {"person: ada lovelace"}),
    ("Ada Lovelace, CEO of Acme Inc., spoke first.", {"person: ada lovelace", "organization: acme"}),
    ("We met Prof. Dr. Müller and Frau Schmidt there.", {"person: müller", "person: schmidt"}),
    ("The letter is from Mrs. Mary J. Watson.", {"person: mary j. watson"}),
    ("He asked Prof. Ludwig van Beethoven.", {"person: ludwig van beethoven"}),
    ("Our engineer Grace Hopper found it.", {"person: grace hopper"}),
    ("Siemens AG and Bosch GmbH signed.", {"organization: siemens", "organization: bosch"}),
    ("Invoices go to Northwind Traders Ltd, please.", {"organization: northwind traders"}),
    ("It was built by Banco Azul S.A. last year.", {"organization: banco azul"}),
    ("Smith & Wesson Inc. answered.", {"organization: smith & wesson"}),
    ("The Stanford University report is out.", {"organization: stanford university"}),
    ("The office in Berlin is closed.", {"location: berlin"}),
    ("She flew to New York and London.", {"location: new york", "location: london"}),
    ("The plant in Wolfsburg, Germany is large.", {"location: wolfsburg", "location: germany"}),
    ("Das Büro in München zieht um.", {"location: munich"}),
    ("See https://example.com/docs?page=2.", {"url: https://example.com/docs?page=2"}),
    ("Call GET /v1/users/{id} first.", {"api_endpoint: GET /v1/users/{id}"}),
    ("`POST /orders` makes one.", {"api_endpoint: POST /orders"}),
    ("It began on 2024-05-01.", {"datetime: 2024-05-01"}),
    ("On 3 March 2021 it rained.", {"datetime: 2021-03-03"}),
    ("On March 3, 2021 it rained.", {"datetime: 2021-03-03"}),
    ("Am 24.12.2023 ist zu.", {"datetime: 2023-12-24"}),
    ("Sales of Q3 2022 rose.", {"datetime: 2022-Q3"}),
    ("Run load_config() before.", {"code_reference: load_config"}),
    ("Set `retries` to five.", {"code_reference: retries"}),
    ("The UserRepository caches rows.", {"code_reference: UserRepository"}),
    ("Edit settings.yaml and restart.", {"code_reference: settings.yaml"}),
    ("Set max_retry_count to five.", {"code_reference: max_retry_count"}),
    ("It fails with ERR_CONN_RESET now.", {"error: err_conn_reset"}),
    ("The proxy says HTTP 404 then.", {"error: http 404"}),
    ("It raises ValueError and TimeoutException.", {"error: valueerror", "error: timeoutexception"}),
    ("SELECT name FROM customers JOIN orders ON 1", {"table: customers", "table: orders"}),
    ("Rows go into the `invoices` table.", {"table: invoices", "code_reference: invoices"}),
    ("UPDATE stock SET n = 1", {"table: stock"}),
    ("We moved to Postgres version 16.2 in spring.", {"product: postgres"}),
    ("The Python Europe Conference 2024 is near.", {"event: python europe conference 2024"}),
]

NAME_TRAPS = [
    "The dr said no. Ask the doctor.",
    "This is New. The Next Step is Clear.",
    "Monday and March are busy; Friday is not.",
    "Please include e.g. the list and vs. the other.",
    "An inc of five and a co of two.",
    "The company, Limited in time, stopped.",
    "Turkey is eaten at Christmas. Nice weather. Reading helps.",
    "We took the Berlinale poster and a Hamburger.",
    "GET the book from the shelf / table.",
    "POST it on the wall.",
    "The date 2024-13-45 is none, nor is 31.02.2024.",
    "Version 1.2.3 and 10.0.0.1 are no dates.",
    "I said hello (and left).",
    "JavaScript, GitHub, YouTube and LinkedIn are names, so is McDonald.",
    "Node.js and Vue.js are not files.",
    "HTTP 200 is fine and HTTP is a protocol.",
    "To err is human; Error and Exception are words.",
    "The table of contents is in the table below.",
    "He came FROM the south to JOIN us.",
    "Select a person from the list and update the row.",
    "The Annual Meeting was long. A Conference is dull.",
    "He had 3 dogs and 5 cats version nothing.",
    "mail me at ada@example.com or foo@bar.co",
    "She paid 3.50 at 12.30 on the 4th.",
    "Chapter Three: The Return of the King",
]

STATEMENTS = [
    ("Ada Lovelace works at Acme Inc. in Berlin.", {("ada lovelace", "works_at", "acme")}),
    ("Grace Hopper worked for Remington Rand.", {("grace hopper", "works_at", "remington rand")}),
    ("Satya Nadella, CEO of Microsoft, agreed.", {("satya nadella", "works_at", "microsoft")}),
    ("Tim Cook is the CEO of Apple.", {("tim cook", "works_at", "apple")}),
    ("Maria Silva joined Contoso in May.", {("maria silva", "works_at", "contoso")}),
    ("Contoso is based in Lisbon.", {("contoso", "located_in", "lisbon")}),
    ("Fabrikam GmbH is headquartered in Graz.", {("fabrikam", "located_in", "graz")}),
    ("They live in Munich, Germany.", {("munich", "located_in", "germany")}),
    ("Acme was founded by Wile Coyote.", {("acme", "founded_by", "wile coyote")}),
    ("Steve Jobs founded Apple.", {("apple", "founded_by", "steve jobs")}),
    ("Mary Shelley is a co-founder of Modern Myths.", {("modern myths", "founded_by", "mary shelley")}),
    ("Google acquired YouTube.", {("google", "acquired", "youtube")}),
    ("WhatsApp was acquired by Facebook.", {("facebook", "acquired", "whatsapp")}),
    ("Daimler merged with Chrysler.", {("daimler", "merged_with", "chrysler")}),
    ("Instagram is owned by Meta.", {("meta", "owns", "instagram")}),
    ("Audi is a subsidiary of Volkswagen AG.", {("audi", "child_of", "volkswagen")}),
    ("Alphabet is the parent company of Google.", {("alphabet", "parent_of", "google")}),
    ("Blue Yonder is a division of Panasonic.", {("blue yonder", "part_of", "panasonic")}),
    ("Tailspin Toys is a customer of Contoso.", {("tailspin toys", "customer_of", "contoso")}),
    ("Bosch supplies Volvo with pumps.", {("bosch", "supplier_of", "volvo")}),
    ("Sequoia invested in Stripe.", {("sequoia", "invested_in", "stripe")}),
    ("Pepsi competes with Fanta.", {("pepsi", "competitor_of", "fanta")}),
    ("Marie Curie married Pierre Curie.", {("marie curie", "spouse_of", "pierre curie")}),
    ("Jane Austen is the sister of Cassandra Austen.", {("jane austen", "sibling_of", "cassandra austen")}),
    ("Ada Lovelace is the daughter of George Byron.", {("ada lovelace", "child_of", "george byron")}),
    ("`billing` depends on `auth`.", {("billing", "depends_on", "auth")}),
    ("The job load_orders() requires sync_users() to end.", {("load_orders", "depends_on", "sync_users")}),
    (
        "CREATE TABLE orders (id INT, customer INT REFERENCES customers (id));",
        {("orders", "foreign_key", "customers")},
    ),
    ("`orders.customer_id` references `customers.id`.", {("orders", "foreign_key", "customers")}),
    ("Elon Musk acquired Twitter.", {("elon musk", "acquired", "twitter")}),
]

STATEMENT_TRAPS = [
    "If Google acquired Nokia, phones would change.",
    "Google never acquired Nokia.",
    "Has it been said whether Google acquired Nokia?",
    "It is a myth that Google acquired Nokia.",
    "Microsoft denied that Google acquired Nokia.",
    "Rumours say Google acquired Nokia; Google denies it.",
    "Did Google say that it acquired Nokia?",
    "She acquired Spanish at school.",
    "Ada Lovelace works at night.",
    "Ada Lovelace works for free.",
    "The pump works at 40 degrees.",
    "He joined Friday.",
    "The bridge is based in concrete.",
    "The column is located in Berlin style.",
    "The city was founded by monks.",
    "They founded Hope on trust.",
    "He knows Latin.",
    "The answer depends on the question.",
    "Success depends on Monday.",
    "Acme is part of the problem.",
    "It belongs to Mary.",
    "Contoso competes with itself.",
    "Acme supplies water.",
    "Tom Miller is not the CEO of Acme.",
    "Imagine Tom Miller is the CEO of Acme.",
    "Tom Miller wants to be the CEO of Acme.",
    "Acme bought time.\n\nBeta acquired\n\nGamma Road",
    "Maria Silva, director of photography, left.",
    "The team merged with Git.",
    "Facebook acquired Instagram's logo.",
    "The wife of the king married the man.",
]


def found(text: str) -> set[str]:
    return {f"{entity.type}: {entity.canonical_name}" for entity in extract(text).entities}


def said(text: str) -> set[tuple[str, str, str]]:
    graph = extract(text)
    return {
        (graph.entities[line.source].canonical_name, line.type, graph.entities[line.target].canonical_name)
        for line in graph.relationships
    }


@pytest.mark.parametrize(("sentence", "expected"), NAMES)
def test_a_sentence_names_just_these_things(sentence, expected):
    assert found(sentence) == expected


@pytest.mark.parametrize("sentence", NAME_TRAPS)
def test_what_only_looks_like_a_name_is_none(sentence):
    assert found(sentence) == set()


@pytest.mark.parametrize(("sentence", "expected"), STATEMENTS)
def test_a_sentence_states_just_this(sentence, expected):
    assert said(sentence) == expected


@pytest.mark.parametrize("sentence", STATEMENT_TRAPS)
def test_what_is_denied_supposed_or_otherwise_meant_is_no_statement(sentence):
    assert said(sentence) == set()


def test_persons_places_and_companies_count_wherever_they_stand_again():
    text = "Acme Inc. was founded by Wile Coyote. Later Acme grew. "
    text += "Wile Coyote left Acme, and Acme moved to Rome."
    entities = {entity.canonical_name: entity for entity in extract(text).entities}
    assert entities["acme"].count == 4
    assert entities["acme"].name == "Acme"
    assert entities["acme"].aliases == ["Acme Inc"]
    assert entities["acme"].start == 0
    assert entities["wile coyote"].count == 2
    assert entities["rome"].snippet.endswith("moved to Rome.")


def test_what_is_said_often_and_early_matters_most():
    text = "Berlin is first. " + "Berlin and Oslo. " * 9 + "Words. " * 200 + "At last Paris."
    salience = {entity.canonical_name: entity.salience for entity in extract(text).entities}
    assert 1 >= salience["berlin"] > salience["oslo"] > salience["paris"] > 0


def test_a_document_has_a_bounded_number_of_entities():
    graph = extract(" ".join(f"call_me_{number}() now." for number in range(5 * ENTITIES_MAX)))
    assert len(graph.entities) == ENTITIES_MAX


def test_all_types_are_those_of_the_protocol_and_indices_fit():
    graph = extract(" ".join(sentence for sentence, _ in [*NAMES, *STATEMENTS]))
    assert {entity.type for entity in graph.entities} <= {*ENTITY_TYPES}
    assert {line.type for line in graph.relationships} <= {*RELATIONSHIP_TYPES}
    assert all(max(line.source, line.target) < len(graph.entities) for line in graph.relationships)
    assert len({(entity.type, entity.canonical_name) for entity in graph.entities}) == len(graph.entities)


@pytest.mark.parametrize(
    "unit",
    [
        "A", "Aa ", "Aa", "a_", "`", "`a", "A.", "A. ", " acquired", "Acme acquired ", " is ", ", ", "A, ",
        "Dr. ", "CREATE TABLE a ", "CREATE TABLE aa REFERENCES bb ", "http://", "1.", "2024-01-01 ", "x.",
        " ", "GET /", "HTTP ", "Error", "based in ", "Berlin, Germany ", "A-", "in A, ",
        "Ada Ab works at Acme ",
        ", chief chief chief ", "\0", "\ud800", "A\u0301 ",
    ],
)  # fmt: skip
def test_hostile_texts_are_read_in_one_go(unit):
    graph = extract(unit * (200_000 // len(unit)))
    assert len(graph.entities) <= ENTITIES_MAX
    for entity in graph.entities:
        (entity.name + entity.canonical_name + entity.snippet).encode()


def test_the_end_of_a_huge_text_is_not_looked_at():
    assert found(" " * TEXT_CHARS_MAX + "Berlin") == set()
