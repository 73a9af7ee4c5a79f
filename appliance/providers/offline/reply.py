"""What the offline model says to a request: a pure function, without clock, randomness or network.

A data question becomes one `execute_sql` call, after a `think` where only that is offered first; the result
becomes a sentence. Other questions are answered out of the passages of documents, where there are some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from appliance.messages import PromptMessage, ToolCall, Usage, estimate_tokens
from appliance.providers.base import ModelRequest
from appliance.providers.offline import choosing, talk, told
from appliance.providers.offline.answer import Result, answer, plain_answer, read_result
from appliance.providers.offline.documents import SEARCH_TOOLS, Documents
from appliance.providers.offline.drawing import drawing
from appliance.providers.offline.intent import Intent, Ref, Unclear
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.marks import split_words
from appliance.providers.offline.passages import read_hits
from appliance.providers.offline.question import read
from appliance.providers.offline.quoting import quoted
from appliance.providers.offline.reading import Reading, continued
from appliance.providers.offline.resolve import resolve
from appliance.providers.offline.schema_text import read_schema, read_today, schema_lines
from appliance.providers.offline.scope import Scope
from appliance.providers.offline.sqlwriter import write
from appliance.providers.offline.wording import describe
from appliance.schema import Schema

SQL_TOOL = "execute_sql"
THINK = "think"
WORDS_MAX = 40
"""Longer questions are not in the grammar; the bound also keeps reading one a matter of milliseconds."""
LOOK_BACK = 4
"""Earlier questions of the user that a follow-up may build on."""
READINGS_MAX = 2
"""After an error one other reading is tried, not more."""


class Reply(msgspec.Struct, frozen=True):
    """What the model says to a request: text, and a tool call where it needs one."""

    text: str
    call: ToolCall | None = None


def lexicon_of(lines: tuple[str, ...]) -> Lexicon:
    """What is known of the schema that stands in these lines of a prompt."""
    return Lexicon(read_schema(lines))


def reply(request: ModelRequest, lexicon_of: Callable[[tuple[str, ...]], Lexicon] = lexicon_of) -> Reply:
    """What to say to the request; the same request always gets the same reply."""
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    return _Turn(request, lexicon_of(schema_lines(system)), system).reply()


def usage(request: ModelRequest, spoken: Reply) -> Usage:
    """About four characters per token; exact by definition, for this is how the offline model counts."""
    call = spoken.call.name + spoken.call.arguments if spoken.call else ""
    prompt = sum(
        estimate_tokens(m.content) + sum(estimate_tokens(c.name + c.arguments) for c in m.tool_calls)
        for m in request.messages
    )
    return Usage(prompt_tokens=prompt, completion_tokens=estimate_tokens(spoken.text) + estimate_tokens(call))


class _Turn:
    """One request: the newest question, the results that came back for it, the questions before it."""

    def __init__(self, request: ModelRequest, lexicon: Lexicon, system: str) -> None:
        self._lexicon = lexicon
        self._today = read_today(system)
        self._tools = {tool.name for tool in request.tools}
        self._can_query = SQL_TOOL in self._tools
        asked = [i for i, message in enumerate(request.messages) if message.role == "user"]
        drawn = [drawing(request.messages[i].content) for i in asked]
        self._questions = [text for _, text in drawn]
        self._chart = drawn[-1][0] if asked else ""
        self._question = self._questions[-1] if asked else ""
        since = request.messages[asked[-1] + 1 :] if asked else []
        self._since = list(_told(since))
        self._results = [read_result(content) for tool, content in self._since if tool == SQL_TOOL]
        self._calls = sum(len(message.tool_calls) for message in request.messages)
        self._documents = Documents(system, self._questions, self._since, self._tools)

    def reply(self) -> Reply:
        last = next((step for step in reversed(self._since) if step[0] != THINK), None)
        if last is None or (last[0] in SEARCH_TOOLS and read_hits(last[1]) is not None):
            return self._first()
        try:
            return self._after(self._results) if last[0] == SQL_TOOL else Reply(told.sentence(*last))
        except Unclear as reason:
            return Reply(talk.unclear(str(reason), self._lexicon))

    def _first(self) -> Reply:
        """Before any rows: small talk, a query, a search, a word out of documents, or an honest one."""
        documents = self._documents
        if kind := talk.kind_of_talk(self._question):
            lexicon = self._lexicon if self._may_ask else Lexicon(Schema())
            return Reply(talk.small_talk(kind, lexicon, documents=documents.there))
        data, about_data = self._of_data()
        if not documents.there:
            return data
        guess = data.call is not None and choosing.is_guess(self._intent(self._reading(), 0))
        if data.call and not choosing.documents_fit_better(self._question, documents.evidence, guess):
            return data
        if choosing.is_for_data(self._question, self._lexicon):
            return data
        if search := documents.next_search():
            return Reply("", self._call(documents.tool, msgspec.to_builtins(search)))
        if text := quoted(documents.evidence):
            return Reply(text)
        return data if about_data else Reply(talk.nothing_found(self._lexicon, may_ask=self._may_ask))

    @property
    def _may_ask(self) -> bool:
        # Where only `think` is offered, a bot that shows tables will offer more behind it.
        return self._can_query or (self._tools == {THINK} and bool(self._lexicon.tables))

    def _of_data(self) -> tuple[Reply, bool]:
        """What to say without any documents, and whether the question names a table."""
        if not self._may_ask:
            return Reply(self._cannot_query()), False
        if len(split_words(self._question)) > WORDS_MAX:
            return Reply(talk.beyond(self._lexicon)), False
        try:
            return self._to_question(self._question), False
        except Unclear as reason:
            return Reply(talk.unclear(str(reason), self._lexicon)), self._names_a_table()

    def _names_a_table(self) -> bool:
        try:
            return bool(self._read(self._question).subjects)
        except Unclear:
            return True

    def _cannot_query(self) -> str:
        if not self._tools and self._since:
            return talk.no_step_left()
        return talk.no_sql() if self._lexicon.tables else talk.no_data(self._lexicon)

    def _to_question(self, text: str) -> Reply:
        """A query for a question about the data, else the honest reply."""
        talk.refuse_what_no_query_can_do(text, self._lexicon)
        reading = self._reading()
        if talk.asks_for_schema(text, self._lexicon):
            table = reading.subjects[0].tables[0] if reading.subjects else ""
            return Reply(talk.about_tables(self._lexicon, table))
        if not reading.complete:
            if reading.empty or not reading.about_data:
                return Reply(talk.beyond(self._lexicon))
            if reading.unknown:
                raise Scope(reading, self._lexicon).ask_back(reading.unknown)
            raise Unclear("I could not see which table or column you mean.")
        intent = self._intent(reading, 0)
        return self._ask("Let me look that up. ", intent) if self._can_query else self._think(intent)

    def _reading(self) -> Reading:
        """The newest question, put together with the ones before where it only continues them."""
        before: Reading | None = None
        this = Reading()
        for text in self._questions[-LOOK_BACK:]:
            if len(split_words(text)) > WORDS_MAX:
                continue
            this = self._read(text)
            if before and not this.unknown and not this.empty and not this.complete:
                this = continued(before, this)
            before = this if this.complete else before
        return this

    def _read(self, text: str) -> Reading:
        """The last line where it is a question by itself, else all lines as one."""
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1:
            last = read(lines[-1], self._lexicon, self._today)
            if last.complete and not last.unknown:
                return last
        return read(" ".join(lines), self._lexicon, self._today)

    def _intent(self, reading: Reading, choice: int) -> Intent:
        return resolve(reading, self._lexicon, choice)

    def _ask(self, lead: str, intent: Intent) -> Reply:
        arguments = {"sql": write(intent, self._lexicon), "description": describe(intent)}
        chart = {"chart": self._chart} if self._chart else {}
        return Reply(lead, self._call(SQL_TOOL, arguments | chart))

    def _think(self, intent: Intent) -> Reply:
        """What the question was taken for and the way to its answer; the query follows in the next call."""
        write(intent, self._lexicon)  # what cannot be asked is said at once
        arguments = {
            "analysis": f"The question asks for: {describe(intent)}.",
            "plan": [f"Query {intent.base} with one SELECT.", "Answer from the rows that come back."],
            "tool_choice": SQL_TOOL,
        }
        return Reply("", self._call(THINK, arguments))

    def _call(self, name: str, arguments: Mapping[str, object]) -> ToolCall:
        written = msgspec.json.encode(arguments).decode()
        return ToolCall(id=f"offline_{self._calls + 1}", name=name, arguments=written)

    def _after(self, results: Sequence[Result]) -> Reply:
        """The answer from the newest result; after an error one more try, if there is another reading."""
        try:
            readings = self._readings()
        except Unclear:  # the results answer calls that somebody else made
            readings = []
        intent = readings.pop(0) if readings else None
        for result in results[:-1]:
            intent = self._next(intent, result, readings) or intent
        result = results[-1]
        if result.error is None:
            return Reply(answer(intent, result, self._lexicon) if intent else plain_answer(result))
        following = self._next(intent, result, readings)
        if following and self._can_query:
            return self._ask(_lead(result.error), following)
        if told.is_refusal(result.error):
            return Reply(f"The rules of this bot do not let me look that up. {_closed(result.error)}")
        return Reply(f"I could not look that up. The database said: {result.error}")

    def _next(self, intent: Intent | None, result: Result, readings: list[Intent]) -> Intent | None:
        """What to ask after an error: once with the columns that are wanted, or the next reading."""
        if result.error is None:
            return None
        if told.is_refusal(result.error):
            return self._with_columns(intent, result.error) if intent else None
        return readings.pop(0) if readings else None

    def _with_columns(self, intent: Intent, error: str) -> Intent | None:
        """The list with more columns; None where it is no plain list of that one table."""
        table, names = told.columns_wanted(error)
        columns = tuple(Ref(intent.base, name) for name in names)
        known = self._lexicon.refs(intent.base) if table == intent.base else []
        simple = intent.columns and not intent.measure and not intent.distinct
        if not simple or not set(columns) <= set(known) or set(columns) <= set(intent.columns):
            return None
        wider = msgspec.structs.replace(intent, columns=tuple(dict.fromkeys((*intent.columns, *columns))))
        # Another table could want columns too, and a second refusal would end the turn.
        sql = write(wider, self._lexicon)
        return wider if sql.count("SELECT") == 1 and "JOIN" not in sql else None

    def _readings(self) -> list[Intent]:
        reading = self._reading()
        intents = [self._intent(reading, choice) for choice in range(READINGS_MAX)]
        return list(dict.fromkeys(intents))


def _told(messages: Sequence[PromptMessage]) -> Iterator[tuple[str, str]]:
    """Each tool result with the name of its tool; one that nobody asked for counts as rows."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    for message in messages:
        if message.role == "tool":
            yield names.get(message.tool_call_id, SQL_TOOL), message.content


def _lead(error: str) -> str:
    if told.is_refusal(error):
        return "The rules of this bot want more columns; I add them. "
    return "That did not work; I try another reading. "


def _closed(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
