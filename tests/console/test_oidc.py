"""Login to the console by OpenID Connect, against a real service on loopback that can lie."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.console.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer, oidc_server
from tests.console.people import Clock, audited, browser, refused, set_up, state
from tests.support.stack import Stack, stack

IN = "/admin"


@pytest.fixture
def service() -> Iterator[OidcServer]:
    with oidc_server() as running:
        yield running


@asynccontextmanager
async def console(
    data: Path, service: OidcServer, clock: Callable[[], float] = time.time, **more: Any
) -> AsyncIterator[tuple[Stack, httpx.AsyncClient]]:
    """A server that takes logins of `service`, and a browser."""
    given = {
        "oidc_issuer": service.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_allowed": "@example.com, bob@partner.example",
        **more,
    }
    async with stack(data, clock=clock, **given) as served, browser(served) as client:
        yield served, client


async def begin(client: httpx.AsyncClient) -> str:
    """Press the button, say yes at the service: the address that the browser is sent back to."""
    start = await client.get("oidc/start")
    assert start.status_code == 302, start.text
    async with httpx.AsyncClient() as elsewhere:
        there = await elsewhere.get(start.headers["Location"])
    assert there.status_code == 302
    return str(there.headers["Location"])


async def come_back(client: httpx.AsyncClient, address: str) -> str:
    """Where the browser ends up."""
    back = await client.get(address, headers={"Sec-Fetch-Site": "cross-site"})
    assert back.status_code == 302, back.text
    return str(back.headers["Location"])


async def log_in(client: httpx.AsyncClient) -> str:
    return await come_back(client, await begin(client))


async def test_a_first_login_makes_an_account_and_later_ones_find_it(
    tmp_path: Path, service: OidcServer
) -> None:
    async with console(tmp_path, service, oidc_name="Our login") as (served, client):
        told = (await client.get("session")).json()
        assert (told["state"], told["oidc"]) == ("login", {"name": "Our login"})
        assert await log_in(client) == IN
        me = (await client.get("session")).json()["account"]
        expected = {"name": "ann@example.com", "display_name": "Ann A.", "role": "operator", "totp": False}
        assert me == expected
        service.claims |= {"email": "ann.b@example.com", "name": "Ann B."}  # she has married
        async with browser(served) as phone:
            assert await log_in(phone) == IN
            assert (await phone.get("session")).json()["account"] == expected
        asked = service.asked[0]
        assert asked["tenant"] == "1"
        assert (asked["response_type"], asked["scope"]) == ("code", "openid email profile")
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        assert asked["redirect_uri"] == f"{served.url}/admin/api/oidc/callback"
        logins = [(one.actor, one.details["by"]) for one in audited(served)]
    assert logins == [("admin:ann@example.com", "oidc")] * 2


async def test_cookies_of_such_a_login_are_as_wide_as_needed(tmp_path: Path, service: OidcServer) -> None:
    async with console(tmp_path, service, trusted_proxies="127.0.0.1") as (served, _):
        async with browser(served, **{"X-Forwarded-Proto": "https"}) as client:
            start = await client.get("oidc/start")
            bound = SimpleCookie(start.headers["Set-Cookie"])["appliance_oidc"]
            assert (bound["samesite"], bound["path"]) == ("Lax", "/admin/api/oidc")
            assert (bound["httponly"], bound["secure"], bound["max-age"]) == (True, True, "600")
            query = parse_qs(urlsplit(start.headers["Location"]).query)
            assert query["redirect_uri"][0].startswith("https://")
        async with browser(served) as client:
            back = await client.get(await begin(client))
            cookies = (SimpleCookie(text) for text in back.headers.get_list("Set-Cookie"))
            of_session, of_device, gone = cookies
            assert of_session["appliance_console"]["samesite"] == "Strict"
            assert of_device["appliance_device"]["samesite"] == "Lax"
            assert gone["appliance_oidc"]["max-age"] == "0"


async def test_keys_of_elliptic_curves_are_taken_and_the_role_is_the_configured_one(
    tmp_path: Path, service: OidcServer
) -> None:
    service.algorithm, service.signing_key, service.kid = "ES256", service.ec, "ec-1"
    service.claims |= {"email": "bob@partner.example", "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID}
    async with console(tmp_path, service, oidc_role="admin") as (_, client):
        assert await log_in(client) == IN
        assert (await client.get("session")).json()["account"]["role"] == "admin"
        assert (await client.get("accounts")).status_code == 200


LIES: list[tuple[str, dict[str, Any], str]] = [
    ("nonce", {"nonce": "of-another-login"}, "failed"),
    ("no nonce", {"nonce": None}, "failed"),
    ("audience", {"aud": "another-client"}, "failed"),
    ("many audiences", {"aud": [CLIENT_ID, "other"]}, "failed"),
    ("party", {"azp": "other"}, "failed"),
    ("issuer", {"iss": "https://evil.example"}, "failed"),
    ("no issuer", {"iss": None}, "failed"),
    ("too old", {"exp": 1_000_000_000}, "failed"),
    ("without end", {"exp": None}, "failed"),
    ("from tomorrow", {"iat": 9_000_000_000}, "failed"),
    ("not before", {"nbf": 9_000_000_000}, "failed"),
    ("nobody", {"sub": ""}, "failed"),
    ("unverified", {"email_verified": False}, "unverified"),
    ("verified by nobody", {"email_verified": None}, "unverified"),
    ("verified in words", {"email_verified": "false"}, "unverified"),
    ("no address", {"email": None}, "unverified"),
    ("two signs", {"email": "eve@evil.example@example.com"}, "unverified"),
    ("other domain", {"email": "ann@evil.example"}, "not_allowed"),
    ("subdomain", {"email": "ann@sub.example.com"}, "not_allowed"),
    ("longer domain", {"email": "ann@example.com.evil.example"}, "not_allowed"),
    ("similar domain", {"email": "ann@notexample.com"}, "not_allowed"),
    ("other of the partner", {"email": "eve@partner.example"}, "not_allowed"),
    ("no name for an account", {"email": "a\u0131n@example.com"}, "failed"),
]


@pytest.mark.parametrize(("claims", "why"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
async def test_a_token_that_says_something_else_signs_nobody_in(
    tmp_path: Path, service: OidcServer, claims: dict[str, Any], why: str
) -> None:
    service.claims |= claims
    async with console(tmp_path, service) as (served, client):
        assert await log_in(client) == f"/admin?error={why}"
        assert await state(client) == "login"
        [told] = audited(served)
    assert (told.action, told.details["why"]) == ("console.login_failed", why)


ONLY_SUB: dict[str, Any] = {"email": None, "email_verified": None, "name": None}


async def test_a_service_whose_token_has_no_address_is_asked_for_the_person(
    tmp_path: Path, service: OidcServer
) -> None:
    service.claims |= ONLY_SUB
    service.person = {"email": "Ann@Example.com", "email_verified": True, "name": "Ann A."}
    async with console(tmp_path, service) as (_, client):
        assert await log_in(client) == IN
        me = (await client.get("session")).json()["account"]
        assert (me["name"], me["display_name"]) == ("ann@example.com", "Ann A.")
        assert len(service.asked_for_person) == 1
        service.claims |= {"email": "ann@example.com", "email_verified": True}
        assert await log_in(client) == IN
        assert len(service.asked_for_person) == 1  # the token says enough


@pytest.mark.parametrize(
    ("claims", "person", "why"),
    [
        (ONLY_SUB, {"sub": "person-2", "email": "ann@example.com", "email_verified": True}, "failed"),
        (ONLY_SUB, {"sub": None, "email": "ann@example.com", "email_verified": True}, "failed"),
        (ONLY_SUB, {"email": "ann@example.com", "email_verified": False}, "unverified"),
        (ONLY_SUB, {"email": "ann@example.com"}, "unverified"),
        (ONLY_SUB, {"email": ["ann@example.com"], "email_verified": True}, "unverified"),
        (ONLY_SUB, {}, "unverified"),
        (ONLY_SUB, {"email": "ann@evil.example", "email_verified": True}, "not_allowed"),
        # One half from here and the other from there is nobody's word for the whole.
        ({"email_verified": None}, {"email": "eve@evil.example", "email_verified": True}, "not_allowed"),
        ({"email_verified": False}, {"email": "ann@example.com", "email_verified": True}, "unverified"),
    ],
)
async def test_what_is_told_of_the_person_counts_as_little_as_in_the_token(
    tmp_path: Path, service: OidcServer, claims: dict[str, Any], person: dict[str, Any], why: str
) -> None:
    service.claims |= claims
    service.person = person
    async with console(tmp_path, service) as (_, client):
        assert await log_in(client) == f"/admin?error={why}"
        assert await state(client) == "login"


async def test_a_service_that_refuses_to_tell_of_the_person_signs_nobody_in(
    tmp_path: Path, service: OidcServer
) -> None:
    service.claims |= ONLY_SUB
    async with console(tmp_path, service) as (_, client):
        for address in (f"{service.issuer}/nowhere", "http://127.0.0.1:1/userinfo", "nonsense"):
            service.discovery = {"userinfo_endpoint": address}
            start = await client.get("oidc/start")
            if start.headers["Location"].startswith("/admin?"):
                assert (address, start.headers["Location"]) == ("nonsense", "/admin?error=failed")
            else:
                assert await log_in(client) == "/admin?error=failed"
        assert await state(client) == "login"


async def test_another_claim_tells_the_address_where_the_operator_says_so(
    tmp_path: Path, service: OidcServer
) -> None:
    service.claims |= {"email": "eve@evil.example", "email_verified": None, "upn": "Ann@Example.com"}
    async with console(tmp_path, service, oidc_claim="upn") as (served, client):
        assert await log_in(client) == IN
        assert (await client.get("session")).json()["account"]["name"] == "ann@example.com"
        service.claims |= {"upn": None, "sub": "person-2"}
        async with browser(served) as other:
            assert await log_in(other) == "/admin?error=unverified"
            service.person = {"upn": "bob@partner.example"}
            assert await log_in(other) == IN
            assert (await other.get("session")).json()["account"]["name"] == "bob@partner.example"
        service.claims |= {"upn": "ann", "sub": "person-3"}
        async with browser(served) as other:
            assert await log_in(other) == "/admin?error=unverified"


def other_key(service: OidcServer) -> None:
    service.signing_key = service.other


def no_signature(service: OidcServer) -> None:
    service.signing_key, service.algorithm = None, "none"


def the_public_key_as_a_secret(service: OidcServer) -> None:
    modulus = service.keys()["keys"][0]["n"]
    service.signing_key, service.algorithm = hashlib.sha256(modulus.encode()).hexdigest(), "HS256"


def the_secret(service: OidcServer) -> None:
    service.signing_key, service.algorithm = CLIENT_SECRET * 3, "HS256"


def unknown_key(service: OidcServer) -> None:
    service.kid = "rsa-2"


def key_of_another_kind(service: OidcServer) -> None:
    service.kid = "ec-1"


def another_algorithm(service: OidcServer) -> None:
    service.algorithm = "RS512"


@pytest.mark.parametrize(
    "lie",
    [
        *(other_key, no_signature, the_public_key_as_a_secret, the_secret, unknown_key),
        *(key_of_another_kind, another_algorithm),
    ],
)
async def test_a_token_that_the_service_did_not_sign_as_it_should_signs_nobody_in(
    tmp_path: Path, service: OidcServer, lie: Callable[[OidcServer], None]
) -> None:
    lie(service)
    async with console(tmp_path, service) as (_, client):
        assert await log_in(client) == "/admin?error=failed"
        assert await state(client) == "login"


async def test_a_login_is_used_once_by_the_browser_that_began_it_and_soon(
    tmp_path: Path, service: OidcServer
) -> None:
    clock = Clock()
    async with console(tmp_path, service, clock) as (served, client), browser(served) as thief:
        address = await begin(client)
        for cookies in ({}, {"appliance_oidc": ""}, {"appliance_oidc": "x" * 43}):
            thief.cookies.update(cookies)
            assert await come_back(thief, address) == "/admin?error=expired"
        assert await come_back(client, address) == IN  # the thief's tries have not ended it
        assert await come_back(client, address) == "/admin?error=expired"
        async with browser(served) as late:
            address = await begin(late)
            clock.turn(601)
            assert await come_back(late, address) == "/admin?error=expired"
            invented = f"{served.url}/admin/api/oidc/callback?code=x&state=y"
            assert await come_back(late, invented) == "/admin?error=expired"
            assert await come_back(late, invented.partition("?")[0]) == "/admin?error=expired"


async def test_answers_of_another_service_or_of_none_sign_nobody_in(
    tmp_path: Path, service: OidcServer
) -> None:
    async with console(tmp_path, service) as (_, client):
        mixed_up = await begin(client) + "&iss=https%3A%2F%2Fevil.example"
        assert await come_back(client, mixed_up) == "/admin?error=failed"
        service.error = "access_denied"
        assert await log_in(client) == "/admin?error=cancelled"
        service.error = ""
        stolen = await begin(client)
        code = parse_qs(urlsplit(stolen).query)["code"][0]
        own = await begin(client)
        own_code = parse_qs(urlsplit(own).query)["code"][0]
        # Another login's code: the service refuses it, for the verifier is not that login's.
        assert await come_back(client, own.replace(own_code, code)) == "/admin?error=failed"


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "nonsense"},
        {"jwks_uri": None},
        {"token_endpoint": "http://127.0.0.1:1/token"},
    ],
)
async def test_a_service_that_describes_itself_wrongly_is_not_followed(
    tmp_path: Path, service: OidcServer, discovery: dict[str, Any]
) -> None:
    async with console(tmp_path, service) as (_, client):
        address = await begin(client)
        service.discovery = discovery
        assert await come_back(client, address) == "/admin?error=failed"
        assert await state(client) == "login"


async def test_a_service_that_is_away_is_told_on_the_login_page(tmp_path: Path, service: OidcServer) -> None:
    async with console(tmp_path, service, oidc_issuer="http://127.0.0.1:1") as (_, client):
        start = await client.get("oidc/start")
        assert (start.status_code, start.headers["Location"]) == (302, "/admin?error=failed")


async def test_an_address_that_somebody_else_gets_opens_nobodys_account(
    tmp_path: Path, service: OidcServer
) -> None:
    async with console(tmp_path, service) as (served, client):
        assert await log_in(client) == IN
        service.claims["sub"] = "person-2"
        async with browser(served) as other:
            assert await log_in(other) == "/admin?error=not_allowed"


async def test_an_account_of_that_name_becomes_theirs_and_a_disabled_one_stays_shut(
    tmp_path: Path, service: OidcServer
) -> None:
    async with console(tmp_path, service) as (served, client), browser(served) as admin:
        await set_up(served, admin, "root")
        body = {"name": "ann@example.com", "role": "admin"}
        assert (await admin.post("accounts", json=body)).status_code == 201
        assert await log_in(client) == IN
        assert (await client.get("session")).json()["account"]["role"] == "admin"
        await admin.patch("accounts/ann@example.com", json={"disabled": True})
        assert await state(client) == "login"
        assert await log_in(client) == "/admin?error=disabled"


async def test_too_many_begun_logins_of_a_network_have_to_wait(tmp_path: Path, service: OidcServer) -> None:
    async with console(tmp_path, service) as (_, client):
        statuses = [(await client.get("oidc/start")).status_code for _ in range(31)]
        assert statuses == [302] * 30 + [429]


async def test_without_a_service_there_is_no_such_login(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, browser(served) as client:
        assert (await client.get("session")).json()["oidc"] is None
        assert refused(await client.get("oidc/start")) == (404, "NOT_FOUND")
        assert refused(await client.get("oidc/callback?code=a&state=b")) == (404, "NOT_FOUND")
