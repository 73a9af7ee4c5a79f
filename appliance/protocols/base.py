"""What every chat protocol gives to the server: a codec per connection, pure and synchronous."""

from __future__ import annotations

from typing import Protocol

from appliance.engine.engine import Opened
from appliance.engine.log import Entry
from appliance.errors import ApplianceError
from appliance.events import Command


class Codec(Protocol):
    """Frames <-> commands and events; holds the little state a wire needs, no chat logic."""

    def decode(self, frame: str) -> Command:
        """One frame as a command; raises `InvalidInput` that says what is wrong with it."""
        ...

    def conversation_in(self, frame: str) -> str | None:
        """The conversation that a frame names, for errors about frames that could not be decoded."""
        ...

    def opened(self, opened: Opened) -> list[str]:
        """The answer to a good `StartChat`."""
        ...

    def resumed(self, conversation_id: str, position: int, running: bool) -> list[str]:
        """The answer to a good `Resume`; what lies behind the asked position follows as events."""
        ...

    def nothing_to_cancel(self, conversation_id: str) -> list[str]:
        """The answer to a `CancelTurn` when no turn was running."""
        ...

    def refused(
        self, error: ApplianceError, command: Command | None, conversation_id: str | None
    ) -> list[str]:
        """A command could not be carried out (None: it could not even be decoded)."""
        ...

    def encode(self, conversation_id: str, entry: Entry, *, full: bool, after: int) -> list[str]:
        """Frames that tell one event, in order; often one, sometimes none.

        `full` readers came by `Resume` and also get the users' own messages. Frames up to position `after`
        have been seen: an event that is told in two frames may lie half behind it.
        """
        ...
