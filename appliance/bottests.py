"""Tests of a bot: a question, and what must be true of its answer. Pure: facts in, complaints out."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from appliance.errors import InvalidInput

TESTS_MAX = 200
"""Of one bot, in its file and in the database each: every one asks the model something."""
ASK_CHARS_MAX = 4_000
ENTRY_CHARS_MAX = 500
ENTRIES_MAX = 20
SHOWN_CHARS = 80
TEST_USER = "bot-test-"
"""How the ids of the users begin who ask the questions of tests; nobody signs in as one."""


class BotTest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked, and what the answer must be like; with nothing else said, that it comes.

    `cites` are titles, file names or paths of documents, `says` and `not_says` pieces of its text in
    whichever case, `tables` what its queries read, `rows` how many rows the last good one gave. `refuses`:
    it has neither rows nor a cited document.
    """

    ask: str
    cites: list[str] = []
    says: list[str] = []
    not_says: list[str] = []
    tables: list[str] = []
    refuses: bool = False
    rows: int | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document as an answer cites it: everything that people may call it."""

    title: str
    file_name: str = ""
    path: str = ""

    @property
    def names(self) -> frozenset[str]:
        """What it may be called in a test, comparable."""
        last = self.path.rpartition("/")[2]
        return frozenset(folded(name) for name in (self.title, self.file_name, self.path, last) if name)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an answer. `queries` are its statements: tables, rows, and None or what went wrong."""

    text: str
    error: str = ""
    cited: Sequence[Document] = ()
    tables: Sequence[str] = ()
    rows: int | None = None
    """Of the last good query; None when there was none."""


def judged(test: BotTest, answer: Answer) -> list[str]:
    """Sentences about what is otherwise than it must be; none when all is well."""
    if answer.error:
        return [f"No answer came: {answer.error}"]
    if not answer.text.strip():
        return ["The answer is empty."]
    return [*_of_text(test, answer.text), *_of_documents(test, answer), *_of_data(test, answer)]


def checked(test: BotTest) -> BotTest:
    """The same without blanks around texts; raises `InvalidInput` that names what is wrong."""
    ask = test.ask.strip()
    if not ask:
        raise InvalidInput("A test needs a question: `ask`.")
    if len(ask) > ASK_CHARS_MAX:
        raise InvalidInput(f"The question has {len(ask)} characters; {ASK_CHARS_MAX} are the most.")
    for name in ("cites", "says", "not_says", "tables"):
        _check_entries(name, getattr(test, name))
    if test.rows is not None and not 0 <= test.rows <= 1_000_000:
        raise InvalidInput(f"rows must be between 0 and 1,000,000, not {test.rows}.")
    if test.refuses and (test.cites or test.tables or test.rows):
        raise InvalidInput("A test that wants a refusal can want neither documents nor rows.")
    return msgspec.structs.replace(test, ask=ask)


def folded(text: str) -> str:
    """A text to be compared: case and blanks do not matter."""
    return " ".join(text.casefold().split())


def _check_entries(name: str, entries: Sequence[str]) -> None:
    if len(entries) > ENTRIES_MAX:
        raise InvalidInput(f"{name} has {len(entries)} entries; {ENTRIES_MAX} are the most.")
    for entry in entries:
        if not entry.strip() or len(entry) > ENTRY_CHARS_MAX:
            raise InvalidInput(f"An entry of {name} must have 1 to {ENTRY_CHARS_MAX} characters.")


def _of_text(test: BotTest, text: str) -> list[str]:
    said = folded(text)
    missing = [f"It does not say {_quoted(piece)}." for piece in test.says if folded(piece) not in said]
    return missing + [f"It says {_quoted(piece)}." for piece in test.not_says if folded(piece) in said]


def _of_documents(test: BotTest, answer: Answer) -> list[str]:
    told = ", ".join(_quoted(document.title) for document in answer.cited) or "nothing"
    cited = {name for document in answer.cited for name in document.names}
    found = [
        f"It does not cite {_quoted(wanted)}, but {told}."
        for wanted in test.cites
        if folded(wanted) not in cited
    ]
    return [*found, f"It should refuse, and cites {told}."] if test.refuses and answer.cited else found


def _of_data(test: BotTest, answer: Answer) -> list[str]:
    read = {folded(table) for table in answer.tables}
    shown = ", ".join(answer.tables) or "none"
    found = [
        f"It does not read the table {_quoted(table)}, but {shown}."
        for table in test.tables
        if folded(table) not in read
    ]
    got = "no query ran" if answer.rows is None else f"there are {answer.rows}"
    if test.rows is not None and answer.rows != test.rows:
        found.append(f"It should have {test.rows} rows, and {got}.")
    if test.refuses and answer.rows:
        found.append(f"It should refuse, and {got.replace('there are', 'shows')} rows.")
    return found


def _quoted(text: str) -> str:
    return f"“{text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + '…'}”"
