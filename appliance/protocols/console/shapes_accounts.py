"""The JSON of the console's accounts and sessions: bodies and answers. Moments are Unix seconds."""

from __future__ import annotations

from typing import Literal, TypedDict

import msgspec

Role = Literal["admin", "operator"]

# -- requests ----------------------------------------------------------------------------------------


class SetUp(msgspec.Struct, frozen=True):
    """What stands in a one-time link, and the password; the first account also chooses its name."""

    token: str
    password: str
    name: str = ""
    display_name: str = ""


class SetupLook(msgspec.Struct, frozen=True):
    """What stands in a one-time link."""

    token: str


class Login(msgspec.Struct, frozen=True):
    """Name and password; the code of an authenticator app where the account has one."""

    name: str
    password: str
    code: str = ""


class NewPassword(msgspec.Struct, frozen=True):
    """The password as it is, and as it is to be."""

    old: str
    new: str


class Renaming(msgspec.Struct, frozen=True):
    """The name that colleagues and visitors read."""

    display_name: str


class Code(msgspec.Struct, frozen=True):
    """Six digits of an authenticator app."""

    code: str


class Password(msgspec.Struct, frozen=True):
    """The account's password, as a proof."""

    password: str


class NewAccount(msgspec.Struct, frozen=True):
    """Somebody who is invited."""

    name: str
    display_name: str = ""
    role: Role = "operator"


class AccountChange(msgspec.Struct, frozen=True):
    """What is to be otherwise; absent fields stay as they are."""

    role: Role | None = None
    disabled: bool | None = None
    display_name: str | None = None


# -- answers -----------------------------------------------------------------------------------------


class Me(TypedDict):
    """Who is signed in; `totp` tells whether a login wants a code, too."""

    name: str
    display_name: str
    role: Role
    totp: bool


class Oidc(TypedDict):
    """The service by which people may sign in, too."""

    name: str


class SessionState(TypedDict):
    """`setup`: there is no account yet; `login`: nobody is signed in; `in`: `account` is."""

    state: Literal["setup", "login", "in"]
    account: Me | None
    oidc: Oidc | None
    version: str
    title: str


class SetupLink(TypedDict):
    """What a one-time link is for; `name` is empty for the first account."""

    kind: Literal["first", "invite", "reset"]
    name: str


class SessionItem(TypedDict):
    """A browser that is signed in."""

    id: str
    user_agent: str
    ip: str
    created_at: float
    seen_at: float
    expires_at: float
    current: bool


class SessionList(TypedDict):
    """Where the account is signed in, the place seen last first."""

    items: list[SessionItem]
    total: int
    next: None


class TotpOffer(TypedDict):
    """A second factor to take into an app; `qr` are rows of 0 and 1, without the margin of four."""

    secret: str
    uri: str
    qr: list[list[int]]


class AccountItem(TypedDict):
    """One person; `pending` until they have come by their link."""

    name: str
    display_name: str
    role: Role
    totp: bool
    disabled: bool
    pending: bool
    created_at: float
    seen_at: float | None


class AccountList(TypedDict):
    """All people by name."""

    items: list[AccountItem]
    total: int
    next: None


class LinkMade(TypedDict):
    """A link that works once and for a day. It is shown this once."""

    link: str


class Invited(TypedDict):
    """The new account, and the link by which its person comes."""

    link: str
    account: AccountItem
