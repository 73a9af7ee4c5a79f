"""The tree of errors that a caller may see or act on.

An `ApplianceError` is an answer, not a bug: it has a stable `code`, a sentence for people, and sometimes
the moment to try again. Anything else that is raised is a bug: the user is told `internal` with an id,
the traceback goes to the log. No HTTP status and no word of a wire protocol lives here; each protocol
maps codes to its own words in one table.

    ApplianceError
    ├── InvalidInput           a frame, argument or file is not what it should be
    │   ├── MessageTooLarge    … because it is over a size limit
    │   ├── UnsupportedDocument   a file of a kind that cannot be read
    │   └── DocumentUnreadable    a file that is broken, locked, empty or too much
    ├── NotFound               no such thing, or not the caller's: the two look alike
    │   ├── BotNotFound
    │   ├── ConversationNotFound
    │   ├── MessageNotFound
    │   ├── ToolCallNotFound   no such call waits for the client's output
    │   └── UserNotFound
    ├── AuthRequired           nobody is signed in and somebody has to be
    │   ├── WrongLogin         name, password or code do not fit
    │   ├── CodeNeeded         … they do, and a code of the second factor is wanted
    │   ├── LoginFailed        another service did not sign the person in, or they may not come by it
    │   └── InvalidCredential  a token or key was shown and is not good
    │       ├── CredentialExpired  … any more; it has the same code
    │       └── IdentityInvalid    what a page shows of who its visitor is does not hold
    ├── Forbidden              signed in, but not allowed
    │   └── OriginNotAllowed   … for the page that asks
    ├── LimitReached           rate, daily, tokens, turns: says which, how much, until when
    ├── Conflict               it was decided already, or is not any more what it was
    ├── ChangeRefused          a change of the team's data cannot be made; nothing of it was
    ├── ToolLoop               the model insists on a tool that the bot's rules refuse
    ├── Busy                   a bounded queue is full: try again soon
    ├── TooManyRequests        this key or address asks too often
    ├── RouteNotFound          there is no such path here
    ├── MethodNotAllowed       there is, but not with this method
    ├── ProviderError          the model could not be used
    │   ├── ProviderNotConfigured
    │   ├── ProviderAuthFailed
    │   ├── ProviderUnavailable   refused, reset, 429 or 5xx after the retries
    │   └── ProviderBroken        garbage, a cut stream, silence past the idle deadline
    ├── QuotaReached           a knowledge base is as large as it may be
    ├── EmbeddingFailed        no vectors came for a text
    │   └── NoEmbedder         … because nothing here makes any
    ├── SettingsMissing        the bot needs settings that nobody has made
    ├── PromptTooLong          the prompt cannot fit the model's context
    ├── StoreError             the database cannot be used
    │   ├── StoreFull             no space left on the disk
    │   └── DataFolderInUse       another server has it
    └── ShuttingDown           the server stops; come back in a moment
"""

from __future__ import annotations

from typing import Any, ClassVar


class ApplianceError(Exception):
    """An answer to the caller: `code` is the contract, `str(error)` is for people."""

    code: ClassVar[str] = "error"

    def __init__(self, text: str, **details: Any) -> None:
        super().__init__(text)
        self.text = text
        self.details: dict[str, Any] = details
        """Extra facts a protocol may pass on; JSON-able values only."""

    @property
    def public_text(self) -> str:
        """What strangers may read; the log has the rest."""
        return self.text


class InvalidInput(ApplianceError):
    """What was sent is not of the expected form; the text says what is wrong and what is expected."""

    code = "invalid_input"


class MessageTooLarge(InvalidInput):
    """Over a size limit; the text names the limit."""

    code = "too_large"


class NotFound(ApplianceError):
    """Missing, or not the caller's; both answer alike so that existence does not leak."""

    code = "not_found"


class BotNotFound(NotFound):
    """No enabled bot of that namespace and name."""

    code = "bot_not_found"


class ConversationNotFound(NotFound):
    """No conversation of that id for this caller."""

    code = "conversation_not_found"


class MessageNotFound(NotFound):
    """No such message in this conversation."""

    code = "message_not_found"


class ToolCallNotFound(NotFound):
    """No tool call of that id waits for its client's output: unknown, answered or void."""

    code = "tool_call_not_found"


class UserNotFound(NotFound):
    """The user to act for is not known here."""

    code = "user_not_found"


class AuthRequired(ApplianceError):
    """Somebody has to sign in first."""

    code = "auth_required"


class InvalidCredential(AuthRequired):
    """A credential was shown and is wrong, expired, revoked or of the wrong kind."""

    code = "invalid_credential"


class CredentialExpired(InvalidCredential):
    """It was good until it expired. Only some wires tell this apart, so the code is the same."""


class IdentityInvalid(InvalidCredential):
    """The proof of who a page's visitor is does not hold; the text says what was expected."""

    code = "identity_invalid"


class WrongLogin(AuthRequired):
    """Name, password or code do not fit; which of them, nobody is told."""

    code = "wrong_login"


class CodeNeeded(AuthRequired):
    """The password is good, and the account has a second factor."""

    code = "code_needed"


class LoginFailed(AuthRequired):
    """A login by another service came to nothing; `why` is a word for the page that the browser sees next."""

    code = "login_failed"

    def __init__(self, text: str, why: str) -> None:
        super().__init__(text)
        self.why = why


class Forbidden(ApplianceError):
    """The caller is known and may not do this."""

    code = "forbidden"


class OriginNotAllowed(Forbidden):
    """The bot is not for pages of this origin."""

    code = "origin_not_allowed"


class LimitReached(ApplianceError):
    """A limit of `appliance.limits` refused the turn.

    `which` is one of rate, daily, tokens, turns; `resets_at` is Unix seconds or None when it never does.
    """

    code = "limit_reached"

    def __init__(
        self,
        text: str,
        *,
        which: str,
        limit: int,
        used: int,
        retry_after_s: float | None,
        resets_at: float | None,
    ) -> None:
        super().__init__(text)
        self.which = which
        self.limit = limit
        self.used = used
        self.retry_after_s = retry_after_s
        self.resets_at = resets_at


class Conflict(ApplianceError):
    """What was asked for does not fit what is: it was decided already, or has changed meanwhile."""

    code = "conflict"


class ChangeRefused(ApplianceError):
    """A planned change of the data cannot be made; nothing of it was. The text names no hidden column."""

    code = "change_refused"


class ToolLoop(ApplianceError):
    """The model asked twice in a row for what the bot's rules refuse; the turn ends."""

    code = "tool_loop"


class Busy(ApplianceError):
    """A bounded queue is full; nothing was stored, the same message may be sent again."""

    code = "busy"


class TooManyRequests(ApplianceError):
    """More requests, messages or connections than one may have.

    `retry_after_s` from now, where it is known.
    """

    code = "too_many_requests"

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class RouteNotFound(NotFound):
    """No endpoint at this path."""

    code = "route_not_found"


class MethodNotAllowed(ApplianceError):
    """The path is there, for other methods; the text names them."""

    code = "method_not_allowed"


class ProviderError(ApplianceError):
    """The model could not answer. `upstream_status` is its HTTP status, where it had one.

    The text is for the operator: it names hosts and quotes the provider. Everybody else reads `public`.
    """

    code = "provider_error"
    public: ClassVar[str] = "The model could not answer. The operator finds the reason in the server's log."

    @property
    def public_text(self) -> str:
        """Without what the provider said."""
        return self.public

    def __init__(self, text: str, *, upstream_status: int | None = None) -> None:
        super().__init__(text)
        self.upstream_status = upstream_status


class ProviderNotConfigured(ProviderError):
    """No provider can be used for this bot."""

    code = "provider_not_configured"
    public = "No AI provider configured for this bot. The operator finds the reason in the server's log."


class ProviderAuthFailed(ProviderError):
    """401 or 403 from the provider."""

    code = "provider_auth_failed"
    public = "Provider authentication failed. The operator finds the reason in the server's log."


class ProviderUnavailable(ProviderError):
    """Unreachable, overloaded or limiting us, also after the retries."""

    code = "provider_unavailable"
    public = "The model cannot be reached right now. Try again in a moment."


class ProviderBroken(ProviderError):
    """It answered with something that is no answer: garbage, a cut stream, too long a silence."""

    code = "provider_broken"
    public = "The model's answer broke off. Try again."


class SettingsMissing(ApplianceError):
    """The bot's `required-settings` are not all there; the text names them for the operator."""

    code = "settings_missing"

    @property
    def public_text(self) -> str:
        """Without the names."""
        return "This bot is not set up completely. The operator finds the reason in the server's log."


class PromptTooLong(ApplianceError):
    """The system prompt and the newest message alone do not fit the model's context."""

    code = "prompt_too_long"


class StoreError(ApplianceError):
    """The database refuses to work; the text says why, as far as known, and names the file."""

    code = "store_error"
    public: ClassVar[str] = "The database cannot be used right now. The operator finds the reason in the log."

    @property
    def public_text(self) -> str:
        """Without paths of the server."""
        return self.public


class StoreFull(StoreError):
    """The disk is full; nothing of the refused write was kept."""

    code = "store_full"
    public = "The server's disk is full, so this could not be kept. Try again later."


class DataFolderInUse(StoreError):
    """Another server process serves this data folder; the text names it."""

    code = "data_folder_in_use"


class ShuttingDown(ApplianceError):
    """The server is stopping and takes no new turns."""

    code = "shutting_down"


class UnsupportedDocument(InvalidInput):
    """A file of a kind that cannot be read; `details["supported_types"]` are suffixes of those that can."""

    code = "unsupported_document"


class DocumentUnreadable(InvalidInput):
    """A file that is broken, locked, empty, or too much for the process that reads files."""

    code = "document_unreadable"


class QuotaReached(ApplianceError):
    """A knowledge base is as large as it may be."""

    code = "quota_reached"


class EmbeddingFailed(ApplianceError):
    """No vectors came for a text; searching by words goes on. The text is for the operator."""

    code = "embedding_failed"
    public: ClassVar[str] = "No vectors could be made. The operator finds the reason in the server's log."

    @property
    def public_text(self) -> str:
        """Without what the provider said."""
        return self.public


class NoEmbedder(EmbeddingFailed):
    """Nothing here makes vectors; the operator finds out why from `Embedders.why_none`."""

    code = "no_embedder"
    public = "Embeddings are not configured on this server."
