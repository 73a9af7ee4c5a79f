"""What is kept of one turn: the answer so far while it runs, all of it and its cost at the end."""

from __future__ import annotations

import logging
from typing import TypeAlias

import trio

from appliance.engine.question import Question
from appliance.engine.recorder import Recorder
from appliance.engine.services import Services
from appliance.errors import StoreError
from appliance.events import TurnCancelled, TurnDone, TurnFailed, width
from appliance.messages import MessageStatus
from appliance.providers.base import Provider
from appliance.store import settling

FLUSH_EVERY_S = 1.0
"""A crash loses at most this much of a running answer."""
FLUSHED_TOGETHER_S = 0.25
"""Turns write at the same moments, so that many of them share a commit."""

TurnEnd: TypeAlias = TurnDone | TurnCancelled | TurnFailed

_STATUS: dict[type, MessageStatus] = {
    TurnDone: "done",
    TurnCancelled: "cancelled",
    TurnFailed: "failed",
}

logger = logging.getLogger("appliance.engine")


class TurnKeeping:
    """Stores what the recorder of this question's turn has."""

    def __init__(self, question: Question, recorder: Recorder, services: Services) -> None:
        self._question = question
        self._recorder = recorder
        self._services = services

    async def flush_while_running(self) -> None:
        """Write what there is, at most once a second and only when there is more; never returns."""
        flushed = 0
        while True:
            await trio.sleep_until(_next_flush(trio.current_time()))
            if self._recorder.position == flushed:
                continue
            flushed = self._recorder.position
            try:
                await self._services.store.write(settling.flush, self._progressed(flushed))
            except StoreError as error:
                # The end of the turn will tell, if the disk has not recovered by then.
                logger.warning("turn %s could not be flushed: %s", self._question.turn_id, error.text)

    async def settle(self, event: TurnEnd, provider: Provider | None, trace: bytes) -> TurnEnd:
        """Store the answer and its cost, whatever happens; returns the event that tells of the end.

        An answer that cannot be stored now has failed, and is kept to be stored later.
        """
        settler = self._services.settler
        try:
            await settler.settle(self._services.store, self._settlement(event, provider, trace))
        except StoreError as error:
            logger.error("turn %s could not be stored: %s", self._question.turn_id, error.text)
            event = TurnFailed(
                turn_id=event.turn_id,
                message_id=event.message_id,
                usage=event.usage,
                code=error.code,
                message=f"The answer could not be stored. {error.public_text}",
                at=event.at,
            )
            settler.keep(self._settlement(event, provider, trace))
        return event

    def _progressed(self, last_seq: int) -> settling.Progressed:
        return settling.Progressed(
            turn_id=self._question.turn_id,
            conversation_id=self._question.conversation_id,
            parts=self._recorder.parts(),
            first_seq=self._recorder.first_seq,
            last_seq=last_seq,
        )

    def _settlement(self, event: TurnEnd, provider: Provider | None, trace: bytes) -> settling.Settlement:
        question = self._question
        provider_id, provider_name = self._services.name_provider(provider)
        return settling.Settlement(
            progressed=self._progressed(self._recorder.position + width(event)),
            status=_STATUS[type(event)],
            usage=event.usage,
            finish=event.finish if isinstance(event, TurnDone) else "stop",
            error_code=event.code if isinstance(event, TurnFailed) else "",
            error_text=event.message if isinstance(event, TurnFailed) else "",
            provider=provider.name if provider else "",
            provider_id=provider_id,
            provider_name=provider_name,
            model=question.bot.model or (provider.default_model if provider else ""),
            trace=trace,
            expires_at=event.at + question.ttl_s if question.ttl_s else None,
            now=event.at,
        )


def _next_flush(now: float) -> float:
    """The last common moment of all turns that is not too late for one which has written `now`."""
    return (now + FLUSH_EVERY_S) // FLUSHED_TOGETHER_S * FLUSHED_TOGETHER_S
