import json
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest
from quart import request
from quart_trio import QuartTrio
from werkzeug.datastructures import Headers, MultiDict

from appliance.errors import AuthRequired, Forbidden, InvalidCredential, InvalidInput
from appliance.identity import Caller
from appliance.server.auth import Authenticator, Credentials, credentials_of, require_admin, require_user
from appliance.server.tokens import make_user_token, make_visitor_token
from appliance.settings import Settings
from appliance.store.database import connect
from appliance.store.keys import create_key, revoke_key
from appliance.store.store import Store
from appliance.store.users import SEEN_EVERY_S, user_exists

SECRET = "s" * 32
NOW = 1_800_000_000.0


class Clock:
    """Time as the test wants it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(tmp_path / "appliance.db") as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authenticator(store: Store, clock: Clock) -> Authenticator:
    return Authenticator(store, SECRET, Settings(trusted_proxies="10.0.0.0/8"), clock)


def user_token(user_id: str = "alice", role: str = "authenticated", tenant: str = "default") -> str:
    return make_user_token(SECRET, user_id=user_id, role=role, now=NOW, lifetime_s=3600, tenant=tenant)


def shown(text: str, **more: str) -> Credentials:
    return Credentials(text=text, **more)


# -- which credential counts --------------------------------------------------------------------------

PLACES = [
    ("headers", "X-Service-Key", "c"),
    ("headers", "Authorization", "Bearer c"),
    ("query", "token", "c"),
    ("headers", "clientkey", "c"),
    ("headers", "X-Client-Key", "c"),
    ("query", "clientkey", "c"),
    ("headers", "apikey", "c"),
    ("headers", "Cookie", "a=b; fluxbase_access_token=c; d"),
]


@pytest.mark.parametrize("first", range(len(PLACES)))
def test_the_first_place_in_the_order_counts(first: int) -> None:
    fields = {"headers": {}, "query": {}}
    for place, (kind, name, value) in enumerate(PLACES[first:], start=first):
        fields[kind][name] = value.replace("c", f"C{place}") if name != "Cookie" else value
    found = credentials_of(fields["headers"], fields["query"], "", cookie="fluxbase_access_token").text
    assert found == (f"C{first}" if first < len(PLACES) - 1 else "c")


def test_the_cookie_counts_only_where_it_is_asked_for() -> None:
    cookie = {"Cookie": 'fluxbase_access_token="c"'}
    assert credentials_of(cookie, {}, "").text == ""
    assert credentials_of(cookie, {}, "", cookie="fluxbase_access_token").text == "c"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bearer t", "t"),
        ("BEARER   t ", "t"),
        ("ServiceKey k", "k"),
        ("Basic dXNlcg==", "from-apikey"),
        ("Bearer", "from-apikey"),
        ("Bearer ", "from-apikey"),
        ("", "from-apikey"),
    ],
)
def test_the_schemes_of_authorization(value: str, expected: str) -> None:
    assert credentials_of({"authorization": value, "APIKEY": "from-apikey"}, {}, "").text == expected


def test_nothing_shown_is_nothing() -> None:
    assert credentials_of({}, {"token": ""}, "1.2.3.4") == Credentials(peer_ip="1.2.3.4")


def test_a_forwarded_for_header_that_was_sent_twice_is_one_list() -> None:
    headers = Headers([("X-Forwarded-For", "6.6.6.6"), ("x-forwarded-for", "203.0.113.9")])
    found = credentials_of(headers, MultiDict([("token", "t"), ("token", "u")]), "10.0.0.1")
    assert (found.text, found.forwarded_for) == ("t", "6.6.6.6,203.0.113.9")


def test_credentials_do_not_show_their_secret_in_logs() -> None:
    assert "s3cret" not in repr(shown("s3cret"))


# -- from credential to caller ------------------------------------------------------------------------


async def test_nothing_is_an_anonymous_caller(authenticator: Authenticator) -> None:
    caller = await authenticator.identify(Credentials(peer_ip="203.0.113.9"))
    assert caller == Caller(ip="203.0.113.9")


async def test_a_user_token_is_that_user(authenticator: Authenticator) -> None:
    caller = await authenticator.identify(shown(user_token(), peer_ip="203.0.113.9"))
    assert caller == Caller(
        role="authenticated",
        user_id="alice",
        ip="203.0.113.9",
        expires_at=NOW + 3600,
        claims=caller.claims,
    )


async def test_the_claims_of_a_token_reach_the_caller_and_no_impersonation(
    authenticator: Authenticator,
) -> None:
    token = jwt.encode({"sub": "alice", "app": {"team": "red"}}, SECRET)
    caller = await authenticator.identify(shown(token))
    assert caller.claims == {"sub": "alice", "app.team": "red"}
    assert caller.impersonate("bob").claims == {}


async def test_an_anon_token_is_the_same_as_none_but_shows_that_it_was_there(
    authenticator: Authenticator,
) -> None:
    caller = await authenticator.identify(shown(jwt.encode({"role": "anon", "iss": "supabase"}, SECRET)))
    assert (caller.role, caller.owner, caller.is_user) == ("anon", "anon", False)
    assert caller.key_id


async def test_a_visitor_is_only_who_shows_a_signed_token(authenticator: Authenticator) -> None:
    caller = await authenticator.identify(shown(make_visitor_token(SECRET, now=NOW)))
    assert caller.owner == f"visitor:{caller.visitor_id}"
    uuid.UUID(caller.visitor_id)
    forged = make_visitor_token("t" * 32, now=NOW)
    for claim in (forged, jwt.encode({"role": "anon", "visitor": caller.visitor_id}, "t" * 32)):
        with pytest.raises(InvalidCredential):
            await authenticator.identify(shown(claim))


@pytest.mark.parametrize(
    ("type_", "role", "owner"),
    [("anon", "anon", "anon"), ("service", "service_role", "key:"), ("tenant", "tenant_service", "key:")],
)
async def test_a_key_is_a_caller_of_its_tenant(
    authenticator: Authenticator, store: Store, type_, role: str, owner: str
) -> None:
    made, key = await store.write(create_key, type_, "acme", NOW)
    caller = await authenticator.identify(shown(key))
    assert (caller.tenant, caller.role, caller.key_id, caller.user_id) == ("acme", role, made.id, "")
    assert caller.owner == (owner + made.id if owner == "key:" else owner)


async def test_a_tenant_key_acts_for_the_user_it_names(authenticator: Authenticator, store: Store) -> None:
    made, key = await store.write(create_key, "tenant", "acme", NOW)
    caller = await authenticator.identify(shown(key, acts_for="ümit".encode().decode("latin-1")))
    assert (caller.tenant, caller.role, caller.user_id) == ("acme", "authenticated", "ümit")
    assert caller.owner == "user:ümit"
    assert caller.key_id == made.id
    assert store.read_now(user_exists, "acme", "ümit")
    assert not store.read_now(user_exists, "default", "ümit")


async def test_nobody_else_acts_for_users(authenticator: Authenticator, store: Store) -> None:
    _, anon = await store.write(create_key, "anon", "acme", NOW)
    _, service = await store.write(create_key, "service", "acme", NOW)
    unsigned_machine = jwt.encode({"role": "tenant_service"}, SECRET)
    for text in ("", anon, service, user_token(role="admin"), unsigned_machine):
        with pytest.raises(InvalidCredential, match="tenant key"):
            await authenticator.identify(shown(text, acts_for="bob"))


@pytest.mark.parametrize("user_id", ["a\tb", "x" * 257])
async def test_a_tenant_key_cannot_name_an_impossible_user(
    authenticator: Authenticator, store: Store, user_id: str
) -> None:
    _, key = await store.write(create_key, "tenant", "acme", NOW)
    with pytest.raises(InvalidCredential, match="user id"):
        await authenticator.identify(shown(key, acts_for=user_id))


async def test_a_key_revoked_by_another_connection_is_refused_at_once(
    authenticator: Authenticator, store: Store
) -> None:
    made, key = await store.write(create_key, "service", "default", NOW)
    assert (await authenticator.identify(shown(key))).is_admin
    beside = connect(store.path)
    try:
        with beside:
            revoke_key(beside, made.id, NOW)
    finally:
        beside.close()
    with pytest.raises(InvalidCredential, match="revoked"):
        await authenticator.identify(shown(key))


async def test_a_claimed_tenant_counts_only_if_it_exists(authenticator: Authenticator, store: Store) -> None:
    token = user_token(tenant="acme")
    assert (await authenticator.identify(shown(token))).tenant == "default"
    await store.write(create_key, "anon", "acme", NOW)
    assert (await authenticator.identify(shown(token))).tenant == "acme"


@pytest.mark.parametrize("role", ["admin", "service_role", "tenant_admin"])
async def test_a_role_of_a_tenant_that_does_not_exist_means_nothing_here(
    authenticator: Authenticator, role: str
) -> None:
    with pytest.raises(InvalidCredential, match="tenant is not known"):
        await authenticator.identify(shown(user_token(role=role, tenant="nowhere")))


async def test_a_user_is_remembered_once_an_hour(
    authenticator: Authenticator, store: Store, clock: Clock
) -> None:
    def seen_at(db) -> list[tuple[float]]:
        return db.execute("SELECT seen_at FROM _users").fetchall()

    token = jwt.encode({"sub": "alice"}, SECRET)
    for offset in (0.0, 10.0, SEEN_EVERY_S - 1):
        clock.now = NOW + offset
        await authenticator.identify(shown(token))
    assert store.read_now(seen_at) == [(NOW,)]
    clock.now = NOW + SEEN_EVERY_S
    await authenticator.identify(shown(token))
    assert store.read_now(seen_at) == [(NOW + SEEN_EVERY_S,)]


async def test_anonymous_callers_are_not_remembered(authenticator: Authenticator, store: Store) -> None:
    for text in ("", make_visitor_token(SECRET, now=NOW), jwt.encode({"role": "service_role"}, SECRET)):
        await authenticator.identify(shown(text))
    assert store.read_now(lambda db: db.execute("SELECT count(*) FROM _users").get) == 0


async def test_a_store_that_cannot_be_written_keeps_nobody_out(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "appliance.db") as store:
        await store.write(lambda db: db.pragma("query_only", True))
        caller = await Authenticator(store, SECRET, Settings(), lambda: NOW).identify(shown(user_token()))
    assert caller.user_id == "alice"


async def test_a_token_turns_bad_when_its_time_is_over(authenticator: Authenticator, clock: Clock) -> None:
    token = user_token()
    clock.now = NOW + 3700
    with pytest.raises(InvalidCredential, match="expired"):
        await authenticator.identify(shown(token))


async def test_an_impersonation_token_counts_for_the_admin(authenticator: Authenticator) -> None:
    token = jwt.encode({"sub": "bob", "role": "authenticated", "impersonated_by": "root"}, SECRET)
    caller = await authenticator.identify(shown(token))
    assert (caller.owner, caller.principal, caller.is_admin) == ("user:bob", "user:root", False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("garbage", "neither a token nor a key"),
        ("pk_" + "a" * 43, "not known"),
        ("sk_" + "a" * 42, "neither a token nor a key"),
        ("é", "neither a token nor a key"),
        ("\udcff", "neither a token nor a key"),
        ("x" * 100_000, "neither a token nor a key"),
        ("x" * 100_000 + "..", "longer than"),
        ("null", "neither a token nor a key"),
        ("a.b.c", "malformed"),
        (jwt.encode({"sub": "alice"}, "t" * 32), "signature"),
        (jwt.encode({"sub": "alice"}, None, "none"), "HS256"),
        (jwt.encode({"sub": "alice", "nbf": NOW + 60}, SECRET), "not valid yet"),
    ],
)
async def test_a_bad_credential_is_refused_with_the_reason(
    authenticator: Authenticator, text: str, words: str
) -> None:
    with pytest.raises(InvalidCredential, match=words):
        await authenticator.identify(shown(text))


async def test_a_bad_credential_is_refused_though_a_good_one_stands_behind_it(
    authenticator: Authenticator,
) -> None:
    credentials = credentials_of({"Authorization": "Bearer x", "apikey": user_token()}, {}, "")
    with pytest.raises(InvalidCredential):
        await authenticator.identify(credentials)


async def test_after_sign_in_authorization_counts_and_not_the_api_key(
    authenticator: Authenticator, store: Store
) -> None:
    _, anon = await store.write(create_key, "anon", "default", NOW)
    before = credentials_of({"apikey": anon, "Authorization": f"Bearer {anon}"}, {}, "")
    assert (await authenticator.identify(before)).role == "anon"
    after = credentials_of({"apikey": anon, "Authorization": f"Bearer {user_token()}"}, {}, "")
    assert (await authenticator.identify(after)).user_id == "alice"


async def test_the_address_is_the_one_a_trusted_proxy_saw(authenticator: Authenticator) -> None:
    through = Credentials(peer_ip="10.0.0.1", forwarded_for="6.6.6.6, 203.0.113.9")
    assert (await authenticator.identify(through)).ip == "203.0.113.9"
    direct = Credentials(peer_ip="198.51.100.1", forwarded_for="6.6.6.6")
    assert (await authenticator.identify(direct)).ip == "198.51.100.1"


async def test_a_bad_list_of_proxies_is_refused_at_start(store: Store) -> None:
    with pytest.raises(InvalidInput, match="'proxy'"):
        Authenticator(store, SECRET, Settings(trusted_proxies="proxy"))


# -- through a real request ---------------------------------------------------------------------------


async def test_the_headers_and_query_of_the_framework_are_understood(store: Store) -> None:
    app = QuartTrio(__name__)
    authenticator = Authenticator(store, SECRET, Settings())

    @app.get("/who")
    async def who() -> tuple[str, int]:
        credentials = credentials_of(request.headers, request.args, request.remote_addr or "")
        try:
            caller = await authenticator.identify(credentials)
        except InvalidCredential as error:
            return error.text, 401
        return json.dumps([caller.tenant, caller.role, caller.user_id]), 200

    client = app.test_client()
    _, tenant_key = await store.write(create_key, "tenant", "acme", time.time())
    token = make_user_token(SECRET, user_id="alice", role="admin", now=time.time(), lifetime_s=60)

    answer = await client.get("/who", headers={"X-Service-Key": tenant_key, "X-Appliance-User": "bob"})
    assert await answer.get_json(force=True) == ["acme", "authenticated", "bob"]
    answer = await client.get(f"/who?token={token}", headers={"apikey": tenant_key})
    assert await answer.get_json(force=True) == ["default", "admin", "alice"]
    answer = await client.get("/who?token=%FF%00.x.y")
    assert answer.status_code == 401


# -- the guards ---------------------------------------------------------------------------------------

NOBODY = Caller()
VISITOR = Caller(visitor_id="v")
ANON_KEY = Caller(key_id="k")
USER = Caller(role="authenticated", user_id="a")
ANONYMOUS_USER = Caller(role="anon", user_id="a")
TENANT = Caller(role="tenant_service", key_id="k")
ADMINS = [Caller(role=role, user_id="a") for role in ("admin", "instance_admin", "dashboard_admin")]
SERVICE = Caller(role="service_role", key_id="k")


@pytest.mark.parametrize("caller", [NOBODY, VISITOR, ANON_KEY])
def test_what_needs_a_user_asks_the_anonymous_to_sign_in(caller: Caller) -> None:
    with pytest.raises(AuthRequired) as caught:
        require_user(caller)
    assert not isinstance(caught.value, InvalidCredential)


@pytest.mark.parametrize("caller", [USER, ANONYMOUS_USER, TENANT, SERVICE, *ADMINS])
def test_what_needs_a_user_serves_whoever_has_something_of_their_own(caller: Caller) -> None:
    require_user(caller)


@pytest.mark.parametrize(
    ("caller", "error"),
    [
        (NOBODY, AuthRequired),
        (VISITOR, AuthRequired),
        (ANON_KEY, Forbidden),
        (USER, Forbidden),
        (ANONYMOUS_USER, Forbidden),
        (TENANT, Forbidden),
        (SERVICE.impersonate("bob"), Forbidden),
    ],
)
def test_what_needs_an_admin_refuses_the_others(caller: Caller, error: type[Exception]) -> None:
    with pytest.raises(error):
        require_admin(caller)


@pytest.mark.parametrize("caller", [SERVICE, *ADMINS])
def test_what_needs_an_admin_serves_admins(caller: Caller) -> None:
    require_admin(caller)
