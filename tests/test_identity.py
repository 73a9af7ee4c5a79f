"""Who owns what, and whose bucket counts."""

from appliance.identity import Caller


def test_owners_of_different_kinds_never_meet() -> None:
    callers = [
        Caller(user_id="x", role="authenticated"),
        Caller(visitor_id="x"),
        Caller(key_id="x", role="tenant_service"),
        Caller(),
    ]
    assert len({caller.owner for caller in callers}) == len(callers)


def test_an_anon_key_is_nobody() -> None:
    assert Caller(key_id="k", role="anon").owner == Caller().owner


def test_visitors_are_counted_by_address_whatever_token_they_show() -> None:
    assert (
        Caller(visitor_id="a", ip="192.0.2.1").principal == Caller(visitor_id="b", ip="192.0.2.1").principal
    )


def test_an_ipv6_network_is_one_bucket() -> None:
    assert Caller(ip="2001:db8::1").principal == Caller(ip="2001:db8::ffff").principal
    assert Caller(ip="2001:db8::1").principal != Caller(ip="2001:db8:0:1::1").principal


def test_who_impersonates_pays_and_loses_the_admins_rights() -> None:
    admin = Caller(user_id="root", role="admin")
    target = admin.impersonate("alice")
    assert (target.owner, target.principal) == ("user:alice", "user:root")
    assert not target.is_admin
    assert not Caller(role="service_role", key_id="k").impersonate("alice").is_unlimited
