import base64
import hashlib
import hmac
import json
import time
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import InvalidCredential
from appliance.server.tokens import (
    LEEWAY_S,
    TOKEN_BYTES_MAX,
    VISITOR_LIFETIME_S,
    make_user_token,
    make_visitor_token,
    verify,
)

SECRET = "s" * 32
NOW = 1_800_000_000.0


def signed(claims: object, secret: str = SECRET, header: dict[str, Any] | None = None) -> str:
    """A token made by hand, so that the library is judged as well."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()
    body = f"{b64(head)}.{b64(payload)}"
    return f"{body}.{b64(hmac.digest(secret.encode(), body.encode(), hashlib.sha256))}"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def refusal(token: str) -> str:
    with pytest.raises(InvalidCredential) as caught:
        verify(token, SECRET, NOW)
    return caught.value.text


def test_a_user_token_says_who_and_until_when() -> None:
    token = make_user_token(SECRET, user_id="alice", role="admin", now=NOW, lifetime_s=60, tenant="acme")
    claims = verify(token, SECRET, NOW)
    assert (claims.user_id, claims.role, claims.tenant) == ("alice", "admin", "acme")
    assert claims.expires_at == NOW + 60
    uuid.UUID(claims.token_id)


def test_a_user_has_the_scalars_of_the_token_by_dotted_names() -> None:
    nested = {"team": "red", "level": {"n": 3, "deep": {"ok": True}}, "groups": ["a"], "none": None}
    claims = {"sub": "ann", "rate": 0.5, "app_metadata": nested, "app_metadata.team": "forged", "a-b": 1}
    scalars = verify(signed(claims), SECRET, NOW).scalars
    assert scalars == {
        "sub": "ann",
        "rate": 0.5,
        "app_metadata.team": "red",
        "app_metadata.level.n": 3,
        "app_metadata.level.deep.ok": True,
    }


def test_claims_that_are_too_many_too_long_or_inexact_are_left_out() -> None:
    inner = {f"c{n}": n for n in range(100)}
    scalars = verify(signed({"mine": inner, "sub": "ann", "team": "red"}), SECRET, NOW).scalars
    assert len(scalars) == 50
    assert (scalars["sub"], scalars["team"]) == ("ann", "red")
    odd = {"sub": "ann", "long": "x" * 1001, "just": "x" * 1000, "huge": 2**64, "least": -(2**63)}
    assert verify(signed(odd), SECRET, NOW).scalars.keys() == {"sub", "just", "least"}
    deep: dict[str, Any] = {"end": 1}
    for _ in range(300):
        deep = {"d": deep}
    assert verify(signed({"sub": "ann", **deep}), SECRET, NOW).scalars["sub"] == "ann"


def test_half_a_character_in_a_claim_reaches_nobody() -> None:
    token = signed(b'{"sub": "ann", "half": "\\ud800", "team": "red"}')
    try:
        scalars = verify(token, SECRET, NOW).scalars
    except InvalidCredential:
        return
    assert scalars == {"sub": "ann", "team": "red"}


def test_who_is_no_user_has_no_claims() -> None:
    assert verify(signed({"role": "service_role", "team": "red"}), SECRET, NOW).scalars == {}


def test_any_library_can_read_and_make_our_tokens() -> None:
    ours = make_user_token(SECRET, user_id="alice", role="admin", now=time.time(), lifetime_s=60)
    assert jwt.decode(ours, SECRET, algorithms=["HS256"])["sub"] == "alice"
    theirs = jwt.encode({"sub": "bob", "aud": "authenticated", "iss": "https://id.example"}, SECRET, "HS256")
    assert verify(theirs, SECRET, NOW).user_id == "bob"


def test_each_visitor_token_is_a_new_visitor_and_nobody_else() -> None:
    first, second = (verify(make_visitor_token(SECRET, now=NOW), SECRET, NOW) for _ in range(2))
    assert first.visitor_id != second.visitor_id
    assert (first.user_id, first.role) == ("", "anon")
    assert first.expires_at == NOW + VISITOR_LIFETIME_S


def test_user_id_goes_before_sub_and_an_empty_one_is_none() -> None:
    assert verify(signed({"user_id": "a", "sub": "b"}), SECRET, NOW).user_id == "a"
    assert verify(signed({"user_id": "", "sub": "b"}), SECRET, NOW).user_id == "b"
    assert verify(signed({"user_id": None, "sub": "b"}), SECRET, NOW).user_id == "b"
    nobody = verify(signed({"user_id": "", "sub": "", "role": "authenticated"}), SECRET, NOW)
    assert (nobody.user_id, nobody.role) == ("", "anon")


@pytest.mark.parametrize("role", ["service_role", "admin", "instance_admin", "tenant_service"])
def test_roles_of_machines_need_no_user(role: str) -> None:
    assert verify(signed({"role": role}), SECRET, NOW).role == role


def test_a_user_without_a_role_is_authenticated() -> None:
    assert verify(signed({"sub": "alice"}), SECRET, NOW).role == "authenticated"


def test_a_user_keeps_the_role_anon_and_cannot_be_a_visitor_too() -> None:
    claims = verify(signed({"sub": "a", "role": "anon", "visitor": str(uuid.uuid4())}), SECRET, NOW)
    assert (claims.user_id, claims.role, claims.visitor_id) == ("a", "anon", "")


def test_expiry_has_a_small_leeway() -> None:
    assert verify(signed({"sub": "a", "exp": NOW - LEEWAY_S + 1}), SECRET, NOW).user_id == "a"
    assert refusal(signed({"sub": "a", "exp": NOW - LEEWAY_S})) == "The token has expired."
    assert verify(signed({"sub": "a", "nbf": NOW + LEEWAY_S}), SECRET, NOW).user_id == "a"
    assert refusal(signed({"sub": "a", "nbf": NOW + LEEWAY_S + 1})) == "The token is not valid yet."


def test_a_refresh_token_is_refused() -> None:
    assert "refresh token" in refusal(signed({"sub": "a", "token_type": "refresh"}))


@pytest.mark.parametrize("issuer", [None, "", "fluxbase", "supabase", "supabase-demo"])
def test_a_key_token_may_come_from_known_issuers(issuer: str | None) -> None:
    assert verify(signed({"role": "anon", "iss": issuer}), SECRET, NOW).role == "anon"


def test_a_key_token_of_a_stranger_is_refused() -> None:
    assert "'stranger'" in refusal(signed({"role": "service_role", "iss": "stranger"}))


def test_another_secret_is_a_wrong_signature() -> None:
    assert "signature" in refusal(signed({"sub": "a"}, secret="t" * 32))


@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS384", "hs256", "RS256", None, 7, ["HS256"], {}])
def test_the_token_cannot_choose_its_algorithm(algorithm: object) -> None:
    assert "HS256" in refusal(signed({"sub": "a"}, header={"alg": algorithm}))
    unsigned = f"{b64(json.dumps({'alg': algorithm}).encode())}.{b64(b'{}')}."
    assert "HS256" in refusal(unsigned)


def test_a_public_key_as_hmac_secret_is_no_way_in() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    public = private.public_key().public_bytes(*form).decode()
    assert "signature" in refusal(signed({"sub": "a"}, secret=public))
    assert "HS256" in refusal(jwt.encode({"sub": "a"}, private, "RS256"))


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 7},
        {"sub": ["a"]},
        {"user_id": {"$ne": ""}, "sub": "a"},
        {"sub": "a", "role": True},
        {"sub": "a", "tenant_id": 1},
        {"sub": "a", "exp": "tomorrow"},
        {"sub": "a", "exp": True},
        {"sub": "a", "nbf": []},
        {"sub": "a", "iss": 1},
        ["sub", "a"],
        "alice",
        None,
        b'{"sub": "a", "exp": 1e999}',
    ],
)
def test_claims_of_the_wrong_kind_are_named(claims: object) -> None:
    assert "wrong kind" in refusal(signed(claims))


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b'{"x":' + b"[" * 5000, b'{"sub": "\xff"}', b'{"sub": "\\ud800xxxxxx"}', b'{"exp": NaN}'],
)
def test_claims_that_are_no_json_are_refused(payload: bytes) -> None:
    assert "no JSON object" in refusal(signed(payload))


@pytest.mark.parametrize("user_id", ["a\nb", "a\x00", " ", "x" * 257])
def test_an_id_that_cannot_be_one_is_refused(user_id: str) -> None:
    assert "A user id has" in refusal(signed({"sub": user_id}))
    with pytest.raises(InvalidCredential):
        make_user_token(SECRET, user_id=user_id, role="authenticated", now=NOW, lifetime_s=60)


def test_a_visitor_that_is_no_uuid_is_refused() -> None:
    assert "no UUID" in refusal(signed({"role": "anon", "visitor": "alice"}))


def test_a_huge_token_is_refused_before_it_is_read() -> None:
    assert str(TOKEN_BYTES_MAX) in refusal(signed({"sub": "a", "padding": "x" * TOKEN_BYTES_MAX}))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "%.%.%", b64(b"[" * 2000) + ".e30.x", b64(b"7") + ".e30.x"],
)
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert "malformed" in refusal(token)


@pytest.mark.parametrize("token", ["é.é.é", "a.\udcff.b", "a.b.\ud800"])
def test_what_is_not_ascii_is_refused(token: str) -> None:
    assert "characters that no token has" in refusal(token)


GOOD = make_user_token(SECRET, user_id="alice", role="authenticated", now=NOW, lifetime_s=60)


@given(at=st.integers(0, len(GOOD) - 1), to=st.characters())
def test_a_changed_character_never_passes_as_something_else(at: int, to: str) -> None:
    changed = GOOD[:at] + to + GOOD[at + 1 :]
    try:
        claims = verify(changed, SECRET, NOW)
    except InvalidCredential:
        return
    # The last character of a base64 text has unused bits: those tokens are the same token.
    assert claims == verify(GOOD, SECRET, NOW)


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_refused_and_nothing_else_is_raised(header: str, payload: str, signature: str) -> None:
    refusal(f"{header}.{payload}.{signature}")


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_behind_base64_are_refused(header: bytes, payload: bytes) -> None:
    refusal(f"{b64(header)}.{b64(payload)}.{b64(payload)}")
