"""What people may make of whom only the network is known: users, conversations, files, some in a while.

Messages have their bot's limits. But whoever may have a new name for the asking could fill the disk with
names and empty conversations, which no bot's limit sees.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import TooManyRequests
from appliance.identity import Caller
from appliance.settings import Settings
from appliance.windows import Windows

WINDOW_S = 60.0
UPLOADS_WINDOW_S = 3600.0


class Strangers:
    """Counts by network, so that neither new names nor the addresses of one IPv6 network help."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._users = Windows(settings.strangers_users_per_minute_max, WINDOW_S)
        self._conversations = Windows(settings.strangers_conversations_per_minute_max, WINDOW_S)
        self._uploads = Windows(settings.strangers_uploads_per_hour_max, UPLOADS_WINDOW_S)
        self._clock = clock

    def check_user(self, caller: Caller) -> None:
        """One more user; raises `TooManyRequests`."""
        self._check(self._users, caller, "users")

    def check_conversation(self, caller: Caller) -> None:
        """One more conversation; raises `TooManyRequests`."""
        self._check(self._conversations, caller, "conversations")

    def check_upload(self, caller: Caller) -> None:
        """One more file; raises `TooManyRequests`."""
        self._check(self._uploads, caller, "files", "an hour")

    def _check(self, windows: Windows, caller: Caller, what: str, per: str = "a minute") -> None:
        """Known users and keys are not counted: somebody vouches for them, and their number is small."""
        if not caller.is_known_by_network:
            return
        window = windows.of(caller.network)
        wait_s = window.take(self._clock())
        if wait_s:
            raise TooManyRequests(
                f"At most {window.limit} new {what} {per} can be made from one network. Try again later.",
                retry_after_s=wait_s,
            )
