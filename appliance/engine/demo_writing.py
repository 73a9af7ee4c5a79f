"""Writes the demo's conversations, turn by turn, with the functions by which real ones are kept."""

from __future__ import annotations

from datetime import UTC, datetime

import apsw

from appliance import limits
from appliance.engine.demo_plan import Pace, Plan, Visit
from appliance.engine.demo_talks import Answered, talks
from appliance.errors import ProviderUnavailable
from appliance.identity import DEFAULT_TENANT
from appliance.messages import Usage, title_of
from appliance.store import conversations, handoff, posts, settling, turns, usage, widget_history
from appliance.store.handoff import Ask, Operator
from appliance.store.users import remember_user

NAMESPACE = "default"
PROVIDER = "demo"
OPERATOR = Operator("mira", "Mira Demo")
FAILED_S = 30.0

HELP = (
    ("team", "Hello, this is Mira. I am sorry about that! May I have the order number?"),
    ("visitor", "It is S-100482. The tracking says that a neighbour took it, but nobody here has it."),
    ("team", "Thank you. I have opened an investigation, and a new parcel leaves us today, free of charge."),
    ("visitor", "That is great, thanks a lot!"),
)


class Writer:
    """Writes one conversation; all that happens in it is in order of time."""

    def __init__(self, db: apsw.Connection, plan: Plan, visit: Visit) -> None:
        self._db = db
        self._plan = plan
        self._visit = visit
        self._at = visit.at
        self._seq = 0
        self._earlier: list[Answered] = []

    def write(self) -> None:
        """All of it."""
        self._open()
        for number, ask in enumerate(self._visit.asks):
            if self._visit.story == "failed" and number == 0:
                self._fail(ask)
                continue
            self._answer(ask)
            if self._visit.story == "over" and number == 0:
                self._help()
        if self._visit.story == "waiting":
            self._note(handoff.call(self._db, self._ask(), "The teapot came broken; wants a new one sent"))

    # -- inner ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        visit = self._visit
        conversations.create(
            self._db,
            id=visit.id,
            caller=visit.caller,
            namespace=NAMESPACE,
            bot=visit.bot,
            persist=True,
            expires_at=None,
            now=visit.at,
            source=visit.source,
        )
        if visit.caller.is_user:
            remember_user(self._db, visit.caller.tenant, visit.caller.user_id, visit.at)

    def _answer(self, ask: str) -> None:
        answered, pace = talks().find(ask), self._plan.pace(self._visit, ask)
        asked = self._admit(ask)
        began, first_seq = self._at, self._seq + 2
        self._at += pace.took_s
        self._seq = first_seq + answered.length
        trace = talks().trace(
            answered,
            self._earlier,
            model=pace.model,
            slower=pace.took_s * 1_000 / answered.total_ms,
            at=datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        progressed = settling.Progressed(
            turn_id=asked.turn_id,
            conversation_id=self._visit.id,
            parts=talks().parts(answered, first_seq),
            first_seq=first_seq,
            last_seq=self._seq,
        )
        prompt, completion = answered.usage
        self._settle(
            progressed, pace, usage=Usage(prompt_tokens=prompt, completion_tokens=completion), trace=trace
        )
        if pace.feedback:
            widget_history.value(self._db, self._visit.id, asked.answer_id, pace.feedback, pace.comment)
        self._earlier.append(answered)
        self._at += pace.pause_s

    def _settle(self, progressed: settling.Progressed, pace: Pace, *, usage: Usage, trace: bytes) -> None:
        settling.settle(
            self._db,
            settling.Settlement(
                progressed=progressed,
                status="done",
                usage=usage,
                provider=PROVIDER,
                provider_id=PROVIDER,
                provider_name=PROVIDER,
                model=pace.model,
                trace=trace,
                expires_at=None,
                now=self._at,
            ),
        )

    def _fail(self, ask: str) -> None:
        """The model did not answer; the person tries again."""
        asked, pace = self._admit(ask), self._plan.pace(self._visit, ask)
        self._at += FAILED_S
        first_seq, self._seq = self._seq + 2, self._seq + 3
        settling.settle(
            self._db,
            settling.Settlement(
                progressed=settling.Progressed(
                    turn_id=asked.turn_id,
                    conversation_id=self._visit.id,
                    parts=[],
                    first_seq=first_seq,
                    last_seq=self._seq,
                ),
                status="failed",
                usage=Usage(),
                error_code=ProviderUnavailable.code,
                error_text=ProviderUnavailable.public,
                provider=PROVIDER,
                provider_id=PROVIDER,
                provider_name=PROVIDER,
                model=pace.model,
                expires_at=None,
                now=self._at,
            ),
        )
        self._at += pace.pause_s

    def _admit(self, content: str) -> turns.Admission:
        ask = self._admission(content)
        turns.admit(self._db, ask)
        return ask

    def _admission(self, content: str) -> turns.Admission:
        caller, visit = self._visit.caller, self._visit
        return turns.Admission(
            turn_id=self._plan.id(),
            message_id=self._plan.id(),
            answer_id=self._plan.id(),
            conversation_id=visit.id,
            caller=caller,
            bucket=usage.Bucket(
                tenant=caller.tenant, namespace=NAMESPACE, bot=visit.bot, principal=caller.counted_as
            ),
            policy=limits.Policy(),
            content=content,
            client_id=None,
            title=title_of(content),
            reserved_tokens=0,
            ttl_s=0.0,
            now=self._at,
        )

    def _help(self) -> None:
        """A person is called, comes, talks with the visitor, and leaves the rest to the bot."""
        self._note(handoff.call(self._db, self._ask(), "The parcel is marked as delivered, but did not come"))
        self._note(handoff.join(self._db, self._ask(), OPERATOR, force=False))
        for who, words in HELP:
            if who == "team":
                self._say(words)
            else:
                self._tell(words)
            self._at += 60.0
        self._note(handoff.leave(self._db, self._ask(), OPERATOR, force=False))

    def _say(self, words: str) -> None:
        said = handoff.say(self._db, self._ask(), OPERATOR, words, client_id=None, expires_at=None)
        self._seq += 2  # as wide as such an event is
        posts.place(self._db, self._visit.id, self._seq, said.id)

    def _tell(self, words: str) -> None:
        posted = posts.post(self._db, self._admission(words), paused=True)
        self._seq += 1
        posts.place(self._db, self._visit.id, self._seq, posted.message_id)

    def _note(self, note: handoff.Note | None) -> None:
        assert note is not None, "it was not so before"
        self._seq += 1
        handoff.place(self._db, note, self._seq)
        self._at += 40.0

    def _ask(self) -> Ask:
        return Ask(
            conversation_id=self._visit.id, tenant=DEFAULT_TENANT, note_id=self._plan.id(), now=self._at
        )
