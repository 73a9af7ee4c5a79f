"""One chat connection over any codec: commands in, events out, whatever carries the frames.

Two tasks share it. The reading side calls `handle` for each frame, in order. The writing side calls `frames`
in a loop: it sleeps until there is something, then gives all that waits at once. Neither waits for a model.
"""

from __future__ import annotations

import logging
import sys
from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec
import trio

from appliance.engine import console_accounts, handoff, intake
from appliance.engine.admission import Accepted
from appliance.engine.chat import Reader
from appliance.engine.engine import Engine, Opened
from appliance.engine.log import Entry, Wakeup
from appliance.errors import ApplianceError, AuthRequired, Busy, InvalidInput, StoreError
from appliance.events import (
    AskForPerson,
    CancelTurn,
    Command,
    Decide,
    Resume,
    Retry,
    SendMessage,
    StartChat,
)
from appliance.identity import Caller
from appliance.protocols.base import Answer, Codec
from appliance.server.pace import Pace, TokenBucket

logger = logging.getLogger("appliance.server")

ATTACHED_MAX = 100
"""Conversations that one connection reads at a time; the one it used longest ago is let go for a new one."""

MERGE_S = 0.01
"""Between two batches of events for a reader that keeps up: too short to be seen, long enough that a fast
model's tokens share a frame: two to five times the tokens per CPU-second (bench/fan_out.py)."""

OUTBOX_MAX = 200
"""Answers that wait for a slow client before its next frame is read."""

END = sys.maxsize
"""Behind all that a log has."""

STOPPING = (1001, "The server is stopping.")


class _Attachment(msgspec.Struct):
    """A conversation that this connection reads, and as whom."""

    caller: Caller
    reader: Reader | None = None
    full: bool = False
    began: int = 0
    """Position where the reading began; earlier events have not been seen on this connection."""


class Session:
    """The state of one connection; close it when the client has gone. `first` is told before all else."""

    def __init__(
        self,
        engine: Engine,
        codec: Codec,
        caller: Caller,
        *,
        pace: Pace | None = None,
        first: Sequence[str] = (),
    ) -> None:
        self._engine = engine
        self._codec = codec
        self._caller = caller
        self._attached: OrderedDict[str, _Attachment] = OrderedDict()
        self._outbox: deque[str] = deque(first)
        self._wakeup = Wakeup()
        self._room = Wakeup()
        self._starting = False
        self._pace = pace or TokenBucket(engine.services.settings.messages_per_second_max)
        self._ending = False
        self._next_batch_at = 0.0

    @property
    def closing(self) -> tuple[int, str]:
        """Close code and reason, once `frames` has come to its end."""
        return self._codec.closing or STOPPING

    async def follow(self, conversation_id: str) -> None:
        """Read this conversation from now on; of an answer that is running, all of it.

        Raises `ConversationNotFound`.
        """
        running = self._engine.chats.running_turn(conversation_id)
        began = running.after if running else END
        await self._attach(conversation_id, _Attachment(caller=self._caller, began=began))

    async def handle(self, frame: str) -> None:
        """Carry out one client frame; whatever is wrong with it is answered, never raised."""
        while len(self._outbox) >= OUTBOX_MAX:
            await self._room.wait()
        command: Command | None = None
        conversation_id: str | None = None
        try:
            conversation_id = self._codec.conversation_in(frame)
            read = self._decode(frame)
            if isinstance(read, Answer):
                self._reply(read.frames)
                return
            command = read
            await self._carry_out(command)
        except ApplianceError as error:
            if isinstance(error, StoreError):
                logger.error("a frame could not be carried out: %s", error.text)
            self._reply(self._codec.refused(error, command, conversation_id))
        except Exception:
            # A fault of ours in one frame: the client is told, and its connection goes on.
            logger.exception("a frame broke")
            fault = ApplianceError("Something went wrong here. The operator finds the reason in the log.")
            self._reply(self._codec.refused(fault, command, conversation_id))
        finally:
            self._starting = False

    async def handle_binary(self, frame: bytes | None) -> None:
        """Some clients send JSON as binary frames: where the codec takes them, it is read if it is text."""
        problem = "Binary frames are not read here; send JSON as text."
        if self._codec.reads_binary:
            try:
                await self.handle((frame or b"").decode())
                return
            except UnicodeDecodeError:
                problem = "The binary frame is not UTF-8 text."
        await self._refuse(InvalidInput(problem))

    async def frames(self) -> list[str]:
        """Sleep until there is something to send, then everything that waits, in order; [] at the end."""
        if self._wakeup.is_set:  # it will not sleep, and sending to a client that has gone may not either
            await trio.lowlevel.checkpoint()
        while True:
            frames = [*self._outbox]
            self._outbox.clear()
            self._room.set()
            if not self._starting:  # the answer to `StartChat` comes before anything of other conversations
                for id, attachment in list(self._attached.items()):
                    frames += self._news(id, attachment)
                    if attachment.reader is not None and attachment.reader.ended:
                        self._detach(id)
            self._ending = self._ending or self._codec.closing is not None
            if frames or self._ending:
                self._next_batch_at = trio.current_time() + MERGE_S
                return frames
            await self._wakeup.wait()
            if not self._outbox and not self._ending and trio.current_time() < self._next_batch_at:
                await trio.sleep_until(self._next_batch_at)  # what comes meanwhile is merged

    def end(self) -> None:
        """Let `frames` give what is there and then nothing more."""
        self._ending = True
        self._wakeup.set()

    def close(self) -> None:
        """The client has gone: its conversations have one reader less."""
        for attachment in self._attached.values():
            if attachment.reader is not None:
                attachment.reader.close()
        self._attached.clear()

    # -- commands ------------------------------------------------------------------------------------

    def _decode(self, frame: str) -> Command | Answer:
        try:
            return self._codec.decode(frame)
        except ApplianceError:
            self._check_pace()  # or junk would be free
            raise

    async def _refuse(self, error: ApplianceError) -> None:
        """Answer a frame that could not even be looked into; it counts like any other."""
        while len(self._outbox) >= OUTBOX_MAX:
            await self._room.wait()
        try:
            self._check_pace()
        except Busy as busy:
            error = busy
        self._reply(self._codec.refused(error, None, None))

    async def _carry_out(self, command: Command) -> None:
        if not isinstance(command, CancelTurn):
            self._check_pace()
            self._check_token()
        match command:
            case StartChat():
                self._starting = True
                opened = await self._engine.start_chat(command, self._caller)
                self._reply(self._codec.opened(opened))
                await self._attach_opened(opened)
            case SendMessage() | Retry() | Decide():
                await self._send(command)
            case AskForPerson():
                await handoff.ask(self._engine, command, self._caller_in(command.conversation_id))
            case CancelTurn():
                await self._cancel(command)
            case Resume():
                await self._resume(command)

    async def _attach_opened(self, opened: Opened) -> None:
        id = opened.conversation_id
        known = self._attached.get(id)
        if known is None or known.caller != opened.caller:
            self._detach(id)
            await self._attach(id, _Attachment(caller=opened.caller, began=opened.position))

    async def _send(self, command: SendMessage | Retry | Decide) -> None:
        """Admit the message, then read on from where its turn begins, unless we do so already."""
        id = command.conversation_id
        caller = self._caller_in(id)
        accepted = await self._admit(command, caller)
        known = self._attached.get(id)
        if known is None:
            await self._attach(id, _Attachment(caller=self._caller, began=accepted.after))
        elif accepted.duplicate and (accepted.after < known.began or not _expects_more(known)):
            # It is over: who sends it again has not got its end, so that is told once more.
            self._detach(id)
            await self._attach(id, _Attachment(caller=known.caller, full=known.full, began=accepted.after))
        else:
            self._attached.move_to_end(id)

    async def _admit(self, command: SendMessage | Retry | Decide, caller: Caller) -> Accepted:
        match command:
            case SendMessage():
                return await intake.send(self._engine, command, caller)
            case Retry():
                return await intake.retry(self._engine, command, caller)
            case Decide():
                return await intake.decide(self._engine, command, caller)

    async def _cancel(self, command: CancelTurn) -> None:
        """Cancel, and answer here when the log does not, behind all that the client has not got yet."""
        id = command.conversation_id
        told = await self._engine.cancel(command, self._caller_in(id))
        attachment = self._attached.get(id)
        if attachment is None or not told:
            unseen = self._news(id, attachment) if attachment else []
            self._reply([*unseen, *self._codec.nothing_to_cancel(id)])

    async def _resume(self, command: Resume) -> None:
        id = command.conversation_id
        caller = self._caller_in(id)
        attachment = _Attachment(caller=caller, full=True, began=command.after)
        reading = await self._engine.read(command, caller, self._wakeup)
        self._detach(id)
        self._reply(self._codec.resumed(reading))
        self._keep(id, attachment, reading.reader)

    async def _attach(self, id: str, attachment: _Attachment) -> None:
        command = Resume(conversation_id=id, after=attachment.began)
        reading = await self._engine.read(command, attachment.caller, self._wakeup)
        attachment.began = min(attachment.began, reading.position)
        self._keep(id, attachment, reading.reader)

    def _keep(self, id: str, attachment: _Attachment, reader: Reader) -> None:
        attachment.reader = reader
        self._attached[id] = attachment
        if len(self._attached) > ATTACHED_MAX:
            self._let_go_of_one()
        self._wakeup.set()

    def _let_go_of_one(self) -> None:
        """Of the conversations with nothing more to tell, the one used longest ago; it can be resumed."""
        for id, attachment in self._attached.items():
            if (
                not _expects_more(attachment) and not attachment.caller.impersonated_by
            ):  # whom it acts for is known here only
                self._detach(id)
                return

    def _detach(self, id: str) -> None:
        attachment = self._attached.pop(id, None)
        if attachment is not None and attachment.reader is not None:
            attachment.reader.close()

    def _caller_in(self, conversation_id: str) -> Caller:
        """Who this connection is in that conversation: itself, or the user it impersonates there."""
        known = self._attached.get(conversation_id)
        return known.caller if known else self._caller

    # -- answers -------------------------------------------------------------------------------------

    def _reply(self, frames: list[str]) -> None:
        self._outbox.extend(frames)
        self._wakeup.set()

    def _news(self, id: str, attachment: _Attachment) -> list[str]:
        entries: list[Entry] = attachment.reader.take() if attachment.reader else []
        return [
            frame
            for entry in entries
            for frame in self._codec.encode(id, entry, full=attachment.full, after=attachment.began)
        ]

    def _check_pace(self) -> None:
        wait_s = self._pace.take(trio.current_time())
        if wait_s:
            raise Busy(
                f"Too many messages on this connection. Send the next one in {wait_s:.1f} s.",
                retry_after=round(wait_s, 3),
            )

    def _check_token(self) -> None:
        expires_at = self._caller.expires_at
        if expires_at is not None and expires_at <= self._engine.services.clock():
            raise AuthRequired("The token has expired. Connect again with a new one.")
        if not console_accounts.is_live(self._engine.services, self._caller):
            raise AuthRequired("Who made this token is no admin any more, so that it is good for nothing.")


def _expects_more(attachment: _Attachment) -> bool:
    return attachment.reader is not None and attachment.reader.expects_more
