"""What the offline model says to a request: a pure function, without clock, randomness or network.

A data question becomes one `execute_sql` call; its result becomes a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from appliance.messages import ToolCall, Usage, estimate_tokens
from appliance.providers.base import ModelRequest
from appliance.providers.offline import talk
from appliance.providers.offline.answer import Result, answer, plain_answer, read_result
from appliance.providers.offline.intent import Intent, Unclear
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.marks import split_words
from appliance.providers.offline.question import read
from appliance.providers.offline.reading import Reading, continued
from appliance.providers.offline.resolve import resolve
from appliance.providers.offline.schema_text import read_schema, read_today, schema_lines
from appliance.providers.offline.scope import Scope
from appliance.providers.offline.sqlwriter import write
from appliance.providers.offline.wording import describe

SQL_TOOL = "execute_sql"
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
    return _Turn(request, lexicon_of(schema_lines(system)), read_today(system)).reply()


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

    def __init__(self, request: ModelRequest, lexicon: Lexicon, today: date | None) -> None:
        self._lexicon = lexicon
        self._today = today
        self._can_query = any(tool.name == SQL_TOOL for tool in request.tools)
        asked = [i for i, message in enumerate(request.messages) if message.role == "user"]
        self._questions = [request.messages[i].content for i in asked]
        since = request.messages[asked[-1] + 1 :] if asked else []
        self._results = [read_result(message.content) for message in since if message.role == "tool"]
        self._calls = sum(len(message.tool_calls) for message in request.messages)

    def reply(self) -> Reply:
        try:
            return self._after(self._results) if self._results else self._first()
        except Unclear as reason:
            return Reply(talk.unclear(str(reason), self._lexicon))

    def _first(self) -> Reply:
        """Before any result: small talk, a query, or an honest word. Raises `Unclear` to ask back."""
        text = self._questions[-1] if self._questions else ""
        if kind := talk.kind_of_talk(text):
            return Reply(talk.small_talk(kind, self._lexicon))
        if not self._can_query:
            return Reply(talk.no_data(self._lexicon))
        if len(split_words(text)) > WORDS_MAX:
            return Reply(talk.beyond(self._lexicon))
        return self._to_question(text)

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
        return self._ask("Let me look that up. ", self._intent(reading, 0))

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
        call = ToolCall(
            id=f"offline_{self._calls + 1}", name=SQL_TOOL, arguments=msgspec.json.encode(arguments).decode()
        )
        return Reply(lead, call)

    def _after(self, results: Sequence[Result]) -> Reply:
        """The answer from the newest result; after an error one more try, if there is another reading."""
        try:
            intents = self._readings()
        except Unclear:  # the results answer calls that somebody else made
            intents = []
        result = results[-1]
        if result.error is None:
            tried = min(len(results), len(intents))
            return Reply(answer(intents[tried - 1], result, self._lexicon) if tried else plain_answer(result))
        if self._can_query and len(results) < len(intents):
            return self._ask("That did not work; I try another reading. ", intents[len(results)])
        return Reply(f"I could not look that up. The database said: {result.error}")

    def _readings(self) -> list[Intent]:
        reading = self._reading()
        intents = [self._intent(reading, choice) for choice in range(READINGS_MAX)]
        return list(dict.fromkeys(intents))
