"""The accounts of the console: who may sign in, as what, and what proves it.

There is always somebody left who can administer: what would end that is refused in the same transaction.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

import apsw
import msgspec

from appliance.errors import Conflict, InvalidInput, NotFound
from appliance.store import console_sessions, keys

Role: TypeAlias = Literal["admin", "operator"]

NAME = re.compile(r"[a-z0-9][a-z0-9._@+'-]{0,99}", re.ASCII)
DISPLAY_NAME_CHARS_MAX = 80
ACCOUNTS_MAX = 1000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person. `password` is a hash, empty until there is one; times are Unix seconds.

    `subject` is who this is at the service that signs people in, with its address. `totp` is the sealed
    secret of a second factor in use, `totp_new` of one that is not confirmed yet; codes of `totp_step` and
    before are used up.
    """

    name: str
    display_name: str
    role: Role
    password: str
    subject: str | None
    totp: bytes | None
    totp_new: bytes | None
    totp_step: int
    disabled: bool
    created_at: float
    seen_at: float | None

    @property
    def pending(self) -> bool:
        """Invited, and never came."""
        return not self.password and self.subject is None


_SELECT = (
    "SELECT name, display_name, role, password, subject, totp, totp_new, totp_step, disabled, created_at, "
    "seen_at FROM _admins"
)
_ABLE = "role = 'admin' AND NOT disabled AND (password != '' OR subject IS NOT NULL)"


def find(db: apsw.Connection, name: str) -> Account | None:
    """The account of that name."""
    row = db.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    return _account(row) if row else None


def by_subject(db: apsw.Connection, subject: str) -> Account | None:
    """The account of somebody whom another service signs in."""
    row = db.execute(f"{_SELECT} WHERE subject = ?", (subject,)).fetchone()
    return _account(row) if row else None


def everybody(db: apsw.Connection) -> list[Account]:
    """All accounts by name."""
    return [_account(row) for row in db.execute(f"{_SELECT} ORDER BY name")]


def is_empty(db: apsw.Connection) -> bool:
    """Is there no account at all?"""
    return not db.execute("SELECT EXISTS (SELECT 1 FROM _admins)").get


def has_admin(db: apsw.Connection) -> bool:
    """Is there an account for an admin, be it that they have not come yet?"""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM _admins WHERE role = 'admin')").get)


def may_administer(db: apsw.Connection, name: str) -> bool:
    """Is that the account of an admin, and in use?"""
    found = db.execute(
        "SELECT EXISTS (SELECT 1 FROM _admins WHERE name = ? AND role = 'admin' AND NOT disabled)", (name,)
    )
    return bool(found.get)


def may_play(db: apsw.Connection, principal: str) -> bool:
    """May whoever made a token of the playground still have made it? An account, a key, or a token's user.

    Of those by a token nothing is known here; what they made ends with it.
    """
    kind, _, name = principal.partition(":")
    if kind == "admin":
        return may_administer(db, name)
    return kind != "key" or keys.is_live(db, name)


def add(
    db: apsw.Connection,
    name: str,
    display_name: str,
    role: Role,
    now: float,
    *,
    password: str = "",
    subject: str | None = None,
) -> Account:
    """A new account; raises `InvalidInput` for bad names, `Conflict` when the name is taken."""
    check_name(name)
    if db.execute("SELECT count(*) FROM _admins").get >= ACCOUNTS_MAX:
        raise Conflict(f"There are {ACCOUNTS_MAX} accounts; remove some that are not used.")
    try:
        db.execute(
            "INSERT INTO _admins (name, display_name, role, password, subject, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (name, checked_display_name(display_name or name), role, password, subject, now),
        )
    except apsw.ConstraintError as error:
        raise Conflict(f"There is an account {name!r} already.") from error
    return _there(db, name)


def change(
    db: apsw.Connection,
    name: str,
    *,
    role: Role | None = None,
    disabled: bool | None = None,
    display_name: str | None = None,
) -> Account:
    """Change what is given; a disabled account's sessions end. Raises `NotFound`, `Conflict`."""
    before = _able(db)
    shown = None if display_name is None else checked_display_name(display_name)
    db.execute(
        "UPDATE _admins SET role = coalesce(?, role), disabled = coalesce(?, disabled), "
        "display_name = coalesce(?, display_name) WHERE name = ?",
        (role, disabled, shown, name),
    )
    _check_admin_left(db, before)
    account = _there(db, name)
    if account.disabled:
        console_sessions.end_all(db, name)
    return account


def remove(db: apsw.Connection, name: str) -> Account:
    """Remove the account with its sessions and links; raises `NotFound`, `Conflict` for the last admin."""
    account, before = _there(db, name), _able(db)
    db.execute("DELETE FROM _admin_links WHERE name = ?", (name,))
    db.execute("DELETE FROM _admins WHERE name = ?", (name,))
    _check_admin_left(db, before)
    return account


def set_password(db: apsw.Connection, name: str, password: str) -> None:
    """Let the account be opened by another password, given as its hash."""
    db.execute("UPDATE _admins SET password = ? WHERE name = ?", (password, name))


def replace_hash(db: apsw.Connection, name: str, old: str, new: str) -> None:
    """The same password hashed anew, unless it was changed meanwhile."""
    db.execute("UPDATE _admins SET password = ? WHERE name = ? AND password = ?", (new, name, old))


def set_subject(db: apsw.Connection, name: str, subject: str) -> None:
    """Remember who this is at the service that signs people in."""
    db.execute("UPDATE _admins SET subject = ? WHERE name = ?", (subject, name))


# -- second factor -------------------------------------------------------------------------------------


def offer_totp(db: apsw.Connection, name: str, sealed: bytes) -> None:
    """Keep a secret that counts once a code of it was shown."""
    db.execute("UPDATE _admins SET totp_new = ? WHERE name = ?", (sealed, name))


def confirm_totp(db: apsw.Connection, name: str, sealed: bytes, step: int) -> bool:
    """Let the offered secret count; False when another one was offered meanwhile."""
    db.execute(
        "UPDATE _admins SET totp = totp_new, totp_new = NULL, totp_step = ? WHERE name = ? AND totp_new = ?",
        (step, name, sealed),
    )
    return db.changes() > 0


def use_step(db: apsw.Connection, name: str, step: int) -> bool:
    """Use up the codes of a time step and before; False when they were."""
    db.execute("UPDATE _admins SET totp_step = ?1 WHERE name = ?2 AND totp_step < ?1", (step, name))
    return db.changes() > 0


def drop_totp(db: apsw.Connection, name: str) -> None:
    """No second factor any more."""
    db.execute("UPDATE _admins SET totp = NULL, totp_new = NULL, totp_step = 0 WHERE name = ?", (name,))


# -- names ---------------------------------------------------------------------------------------------


def check_name(name: str) -> None:
    """Raises `InvalidInput` for what cannot be an account's name."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            "An account's name has 1 to 100 small letters, digits and . - _ @ + ', with "
            "a letter or digit first, like ann or ann@example.com."
        )


def checked_display_name(text: str) -> str:
    """The name that others read, without blanks around it; raises `InvalidInput`."""
    shown = " ".join(text.split())
    if not shown or len(shown) > DISPLAY_NAME_CHARS_MAX or not shown.isprintable():
        raise InvalidInput(f"A display name has 1 to {DISPLAY_NAME_CHARS_MAX} characters that can be seen.")
    return shown


# -- inner ---------------------------------------------------------------------------------------------


def _able(db: apsw.Connection) -> int:
    """How many could sign in and administer."""
    return int(db.execute(f"SELECT count(*) FROM _admins WHERE {_ABLE}").get)  # noqa: S608 constant


def _check_admin_left(db: apsw.Connection, before: int) -> None:
    if before and not _able(db):
        raise Conflict("This is the last admin who can sign in. Make somebody else an admin first.")


def _there(db: apsw.Connection, name: str) -> Account:
    found = find(db, name)
    if found is None:
        raise NotFound("There is no such account.")
    return found


def _account(row: tuple[object, ...]) -> Account:
    values = dict(zip(Account.__struct_fields__, row, strict=True))
    return msgspec.convert({**values, "disabled": bool(values["disabled"])}, Account, strict=False)
