import apsw

from appliance.store import audit
from appliance.store.migrate import migrate


def test_rows_come_back_newest_first_page_by_page_and_by_tenant() -> None:
    db = apsw.Connection(":memory:")
    migrate(db)
    for n in range(5):
        audit.record(db, at=float(n), tenant="default", actor="cli", action="key.create", target=str(n))
    audit.record(
        db, at=9.0, tenant="acme", actor="user:root", action="user.impersonate", details={"for": "bob"}
    )

    first = audit.entries(db, tenant="default", limit=2)
    assert [entry.target for entry in first] == ["4", "3"]
    rest = audit.entries(db, tenant="default", before=first[-1].id)
    assert [entry.target for entry in rest] == ["2", "1", "0"]

    (other,) = audit.entries(db, tenant="acme")
    assert (other.actor, other.action, other.at) == ("user:root", "user.impersonate", 9.0)
    assert other.details == {"for": "bob"}
