"""What the offline model says when there is nothing to look up: about itself, its tables, its limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.providers.offline import vocabulary
from appliance.providers.offline.clocks import clock_of
from appliance.providers.offline.intent import Unclear
from appliance.providers.offline.joins import Graph
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.question import read
from appliance.providers.offline.resolve import resolve
from appliance.providers.offline.sqlwriter import write
from appliance.providers.offline.words import parts

SELF = (
    "I am the offline model of this server: no weights, no guessing, "
    "only a fixed grammar for questions about its data."
)
DOCUMENTS = "I look your question up in this bot's documents and quote what they say, with the place."
NOTHING_FOUND = "I found nothing about this in the documents."
CONNECT = "The operator can connect a model for free conversation."
TABLES_SHOWN = 20
COLUMNS_SHOWN = 40
NOT_YET = re.compile(r"(\bnot\b|n['\u2019]t\b).*\byet\b|\byet to be\b", re.IGNORECASE | re.DOTALL)
TREND = re.compile(
    r"\b(going|gone|go|went) (up|down)\b"
    r"|\b(trend|trends|trending|increasing|decreasing|growing|rising|falling)\b",
    re.IGNORECASE,
)

PHRASES = {
    "greeting": (
        "hi",
        "hello",
        "hey",
        "hi there",
        "hello there",
        "good morning",
        "good afternoon",
        "good evening",
        "greetings",
        "how are you",
        "how do you do",
    ),
    "thanks": (
        "thanks",
        "thank you",
        "thank you very much",
        "thanks a lot",
        "cheers",
        "great thanks",
        "ok thanks",
    ),
    "bye": ("bye", "goodbye", "see you", "good bye", "good night"),
    "help": (
        "help",
        "help me",
        "what can you do",
        "what can you do for me",
        "what can you help me with",
        "what can you help with",
        "how can you help me",
        "how can you help",
        "can you help me",
        "can you help",
        "i need help",
        "what can i ask",
        "what can i ask you",
        "how does this work",
        "who are you",
        "what are you",
        "are you an ai",
        "are you a human",
        "what model are you",
        "which model are you",
        "examples",
        "give me examples",
    ),
    "schema": (
        "what data do you have",
        "what do you know",
        "what data is there",
        "show the schema",
        "show me the schema",
        "schema",
        "show me the data",
        "which data do you have",
    ),
}
SCHEMA_WORDS = {"tables", "columns", "fields", "schema", "structure"}


def kind_of_talk(text: str) -> str:
    """greeting, thanks, bye, help or schema for such a sentence, else ''."""
    plain = " ".join(re.findall(r"[a-z']+", text.lower()))
    return next((kind for kind, phrases in PHRASES.items() if plain in phrases), "")


def small_talk(kind: str, lexicon: Lexicon, *, documents: bool = False) -> str:
    """The reply to one of the kinds of `kind_of_talk`; `documents` when there are some to ask."""
    tries = try_this(lexicon, documents=documents)
    match kind:
        case "greeting":
            return f"Hello! {SELF} {tries}"
        case "thanks":
            return "You are welcome."
        case "bye":
            return "Goodbye!"
        case "schema":
            return DOCUMENTS if documents and not lexicon.tables else about_tables(lexicon)
    return f"{SELF} {tries}\n\n{CONNECT}"


def asks_for_schema(text: str, lexicon: Lexicon) -> bool:
    """`which tables are there`, `columns of orders`, unless the data itself has things of that name."""
    words = SCHEMA_WORDS & set(re.findall(r"[a-z]+", text.lower()))
    return bool(words) and not any(lexicon.certain([word]) for word in words)


def refuse_what_no_query_can_do(text: str, lexicon: Lexicon) -> None:
    """Raises `Unclear` for wishes to change data, for "my orders", for "not … yet" and for trends."""
    words = re.findall(r"[a-z]+", text.lower())
    if words and words[0] in vocabulary.WRITING_WORDS:
        raise Unclear("I only read data; I never change it.")
    if _asks_for_own_rows(words, lexicon):
        raise Unclear("I do not know which rows are yours. Say whose you mean, for example by a name.")
    if NOT_YET.search(text):
        raise Unclear("The data does not say what comes before what. Name the values that you mean instead.")
    if TREND.search(text):
        raise Unclear("I do not judge trends, but I can show the numbers, for example by month.")


def _asks_for_own_rows(words: list[str], lexicon: Lexicon) -> bool:
    """ "my orders" are those of a person; "my customers" are simply all that there are."""
    graph = Graph(lexicon)
    for at, word in enumerate(words):
        if word in vocabulary.OWN_WORDS:
            named = lexicon.certain(words[at + 1 : at + 2]) or lexicon.likely(words[at + 1 : at + 2] or [""])
            tables = named.tables if named else ()
            people = lexicon.likely(["person"])
            if not tables or any(
                graph.single(table, owner) and owner != table
                for table in tables
                for owner in (people.tables if people else ())
            ):
                return True
    return False


def about_tables(lexicon: Lexicon, table: str = "") -> str:
    """All tables, or the columns of one."""
    if not lexicon.tables:
        return "I have no tables to ask."
    if table:
        columns = lexicon.tables[table].columns
        names = ", ".join(column.name for column in columns[:COLUMNS_SHOWN])
        return f"{table} has {len(columns)} columns: {names}."
    lines = []
    for name in list(lexicon.tables)[:TABLES_SHOWN]:
        count = lexicon.tables[name].row_count
        lines.append(f"- **{name}**" + (f", {count:,} rows" if count is not None else ""))
    more = len(lexicon.tables) - TABLES_SHOWN
    tail = f"\n- and {more} more" if more > 0 else ""
    return f"These are the tables:\n\n{chr(10).join(lines)}{tail}\n\n{try_this(lexicon)}"


def unclear(reason: str, lexicon: Lexicon) -> str:
    """Asks back: what was not clear, and what there is."""
    if not lexicon.tables:
        return f"{reason} I have no tables to ask."
    names = ", ".join(list(lexicon.tables)[:TABLES_SHOWN])
    return f"{reason}\n\nThe tables are: {names}. {try_this(lexicon)}"


def beyond(lexicon: Lexicon) -> str:
    """The honest reply to all that is no question about the data."""
    return f"{SELF} I cannot answer that. {try_this(lexicon)}\n\n{CONNECT}"


def no_data(lexicon: Lexicon) -> str:
    """The reply when this bot has no SQL tool."""
    return f"{SELF} This bot has no data to ask, so there is nothing I can look up. {CONNECT}"


def no_sql() -> str:
    """The reply when there are tables, but no SQL tool for this bot or this question."""
    return (
        f"{SELF} I look things up with the tool execute_sql, and this bot does not offer it for this "
        f"question. {CONNECT}"
    )


def no_step_left() -> str:
    """The reply when the bot's steps are used up before anything was looked up."""
    return (
        "I could not look that up: this bot allows too few steps for one question. "
        "The operator can raise its max-iterations."
    )


def nothing_found(lexicon: Lexicon, *, may_ask: bool) -> str:
    """The reply when neither the documents nor the tables answer; says what else can be asked."""
    rest = f"About the data I can answer more. {try_this(lexicon)}" if may_ask and lexicon.tables else CONNECT
    return f"{NOTHING_FOUND} {rest}"


def is_a_wish(text: str, lexicon: Lexicon) -> bool:
    """Does it ask for rows of a table to be changed? "Change address" may be about a document."""
    first, *rest = re.findall(r"[a-z_]+", text.lower()) or [""]
    return first in vocabulary.WRITING_WORDS and any(
        (named := lexicon.certain([word])) is not None and named.tables for word in rest
    )


def try_this(lexicon: Lexicon, *, documents: bool = False) -> str:
    """Up to three questions made from the schema, each of which works."""
    found = examples(lexicon)
    if not found:
        return DOCUMENTS if documents else "There are no tables here that I could be asked about."
    lead = f"{DOCUMENTS} Of the data try for example:" if documents else "Try for example:"
    return f"{lead}\n\n" + "\n".join(f"- {question}" for question in found)


def examples(lexicon: Lexicon, count: int = 3) -> list[str]:
    """Questions that the grammar understands for this schema: a ranking, a sum or mean, a count."""
    chosen: list[str] = []
    for candidates in (_rankings(lexicon), _means(lexicon), _counts(lexicon)):
        working = (
            question for question in candidates if question not in chosen and _works(question, lexicon)
        )
        chosen += [question for question in [next(working, "")] if question]
    return chosen[:count]


def _works(question: str, lexicon: Lexicon) -> bool:
    try:
        write(resolve(read(question, lexicon, None), lexicon), lexicon)
    except Unclear:
        return False
    return True


def _tables(lexicon: Lexicon) -> list[str]:
    """Those first whose rows have names, for they are about things that people know."""
    return sorted(lexicon.tables, key=lambda table: not lexicon.label(table))


def _counts(lexicon: Lexicon) -> Iterator[str]:
    for name in _tables(lexicon):
        yield f"How many {_spoken(name)} are there?"


def _rankings(lexicon: Lexicon) -> Iterator[str]:
    graph = Graph(lexicon)
    for dated in (True, False):  # what happens at a time is what people count
        for table in _tables(lexicon):
            for child in graph.children(table):
                if dated == (clock_of(lexicon, child) is not None):
                    yield f"Show me the top 10 {_spoken(table)} by number of {_spoken(child)}"


def _means(lexicon: Lexicon) -> Iterator[str]:
    for table in _tables(lexicon):
        numbers = lexicon.by_parts(table, (*vocabulary.MONEY_COLUMNS, *vocabulary.PRICE_COLUMNS), "number")
        numbers += [ref for ref in lexicon.refs(table) if lexicon.kind(ref) == "number"]
        numbers = [ref for ref in numbers if not vocabulary.CODE_COLUMNS & set(parts(ref.column))]
        kinds = lexicon.by_parts(table, (*vocabulary.KIND_COLUMNS, *vocabulary.PLACE_COLUMNS), "text")
        for number in numbers:
            for group in [*(_spoken(kind.column) for kind in kinds), "month"]:
                yield f"What is the average {_spoken(number.column)} of {_spoken(table)} by {group}?"


def _spoken(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ")
