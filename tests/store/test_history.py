"""What prompts and replays read of a conversation."""

import time
import uuid
from pathlib import Path

from appliance import limits
from appliance.identity import Caller
from appliance.store import conversations, message_rows, posts, turns, usage
from appliance.store.database import connect, database_path
from appliance.store.migrate import migrate


def test_what_comes_along_with_messages_is_read_for_replays_only(tmp_path: Path) -> None:
    db, caller, now = connect(database_path(tmp_path)), Caller(guest_id="ann"), time.time()
    migrate(db)
    conversations.create(
        db, id="c", caller=caller, namespace="default", bot="shop", persist=True, expires_at=None, now=now
    )
    ask = turns.Admission(
        turn_id=str(uuid.uuid4()),
        message_id="m",
        answer_id=str(uuid.uuid4()),
        conversation_id="c",
        caller=caller,
        bucket=usage.Bucket(tenant="default", namespace="default", bot="shop", principal="ip:"),
        policy=limits.Policy(),
        content="Look!",
        client_id=None,
        payload={"type": "image"},
        metadata={"a": 1},
        title="Look!",
        reserved_tokens=500,
        ttl_s=0,
        now=now,
    )
    posts.post(db, ask)
    posts.place(db, "c", 1, "m")
    (bare,) = message_rows.history(db, "c", limit=400)
    (whole,) = message_rows.history(db, "c", attached=True)
    assert (bare.content, bare.payload, bare.metadata) == ("Look!", None, {})
    assert (whole.payload, whole.metadata) == ({"type": "image"}, {"a": 1})
    assert usage.standing(db, ask.bucket, 0, now).tokens_reserved == 0
    db.close()
