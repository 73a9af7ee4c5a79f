"""Work on documents that waits or runs: who may do it now, how far it is, and how it ends.

A process claims a job for a while and renews the claim as long as it works, so that a server and a command
can work at once and never on the same document. Whoever queues a job anew, or deletes its document, takes
the claim away; all that is done under a claim asks `holds` in its own transaction first.

A job is to read an original, or a text that came as text, or to cut the text that was read before anew. Once
the document's chunks are stored only vectors may be left to make.
"""

from __future__ import annotations

import apsw
import msgspec

from appliance.knowledge import Progress

STALE = "The newest version could not be read, the one before is still in use: "
"""How the `error_message` of a document begins whose older version serves."""

_HELD = "WHERE document = ? AND claimed_by = ?"
_WAITING = (
    "CASE WHEN (SELECT vectors_only FROM _document_jobs WHERE document = ?1) THEN status ELSE 'pending' END"
)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job that was claimed. `attempts` counts how often, with this time, `faults` how often it broke."""

    document: int
    claim: str
    original: str | None
    text: str | None
    language: str
    attempts: int
    faults: int = 0
    vectors_only: bool = False
    """The document's words are stored already."""


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """How much work there is: documents that wait or are worked on, and such as wait for a later attempt."""

    at_work: int
    put_off: int


def is_any(db: apsw.Connection, now: float) -> bool:
    """Is there a job that could be claimed?"""
    sql = "SELECT EXISTS (SELECT 1 FROM _document_jobs WHERE not_before <= ?1 AND claimed_until <= ?1)"
    return bool(db.execute(sql, (now,)).get)


def claim(db: apsw.Connection, who: str, now: float, until: float) -> Job | None:
    """Take the oldest job that nobody works on; None when there is none. Its document is `processing` now."""
    row = db.execute(
        "UPDATE _document_jobs SET claimed_by = ?1, claimed_until = ?2, attempts = attempts + 1, "
        "stage = CASE WHEN vectors_only THEN stage ELSE 'extracting' END, "
        "done = CASE WHEN vectors_only THEN done ELSE 0 END, "
        "total = CASE WHEN vectors_only THEN total ELSE 0 END "
        "WHERE document = (SELECT document FROM _document_jobs "
        "WHERE not_before <= ?3 AND claimed_until <= ?3 ORDER BY created_at, document LIMIT 1) "
        "RETURNING document, original, text, language, attempts, faults, vectors_only",
        (who, until, now),
    ).fetchone()
    if row is None:
        return None
    document, original, text, language, attempts, faults, vectors_only = row
    job = Job(
        document=document,
        claim=who,
        original=original,
        text=text,
        language=language,
        attempts=attempts,
        faults=faults,
        vectors_only=bool(vectors_only),
    )
    if not job.vectors_only:
        db.execute("UPDATE _documents SET status = 'processing' WHERE number = ?", (document,))
    return job


def holds(db: apsw.Connection, job: Job) -> bool:
    """Is the claim still ours?"""
    sql = f"SELECT EXISTS (SELECT 1 FROM _document_jobs {_HELD})"  # noqa: S608 - ours
    return bool(db.execute(sql, (job.document, job.claim)).get)


def renew(db: apsw.Connection, job: Job, until: float, progress: Progress | None = None) -> bool:
    """Keep the claim for longer, and tell how far the work is; False when it is not ours any more."""
    db.execute(
        f"UPDATE _document_jobs SET claimed_until = ? {_HELD}",  # noqa: S608 - ours
        (until, job.document, job.claim),
    )
    held = db.changes() > 0
    if held and progress is not None:
        db.execute(
            f"UPDATE _document_jobs SET stage = ?, done = ?, total = ? {_HELD}",  # noqa: S608 - ours
            (progress.stage, progress.done, progress.total, job.document, job.claim),
        )
    return held


def release(db: apsw.Connection, job: Job) -> None:
    """Let somebody else go on with it, at once."""
    if holds(db, job):
        _free(db, job, 0.0)
        db.execute(f"UPDATE _documents SET status = {_WAITING} WHERE number = ?1", (job.document,))  # noqa: S608 - ours


def put_off(db: apsw.Connection, job: Job, not_before: float, reason: str, *, fault: bool = False) -> None:
    """Try again later; `reason` is shown with the document meanwhile. A `fault` of ours is counted."""
    if holds(db, job):
        if fault:
            db.execute(f"UPDATE _document_jobs SET faults = faults + 1 {_HELD}", (job.document, job.claim))  # noqa: S608
        _free(db, job, not_before)
        db.execute(
            f"UPDATE _documents SET status = {_WAITING}, error_message = ?2 WHERE number = ?1",  # noqa: S608 - ours
            (job.document, reason),
        )


def give_up(db: apsw.Connection, job: Job, reason: str, now: float) -> None:
    """End it for good. What was indexed before stays, and the document says so."""
    if not holds(db, job):
        return
    db.execute("DELETE FROM _document_jobs WHERE document = ?", (job.document,))
    db.execute(
        "UPDATE _documents SET status = CASE WHEN indexed_at IS NULL THEN 'failed' ELSE 'indexed' END, "
        "error_message = CASE WHEN indexed_at IS NULL THEN ?1 "
        "ELSE ?4 || ?1 END, updated_at = ?2 WHERE number = ?3",
        (reason, now, job.document, STALE),
    )


def finish(db: apsw.Connection, job: Job) -> None:
    """End it: all is done."""
    db.execute(f"DELETE FROM _document_jobs {_HELD}", (job.document, job.claim))  # noqa: S608 - ours


def only_vectors(db: apsw.Connection, job: Job, total: int) -> Job:
    """The words are stored: what is left is to make `total` vectors. Returns the job as it is now."""
    db.execute(
        "UPDATE _document_jobs SET original = NULL, text = NULL, vectors_only = 1, stage = 'embedding', "  # noqa: S608
        f"done = 0, total = ? {_HELD}",
        (total, job.document, job.claim),
    )
    return msgspec.structs.replace(job, original=None, text=None, vectors_only=True)


def indexed(db: apsw.Connection, job: Job, *, title: str, mime_type: str, message: str, now: float) -> None:
    """The document's new text and chunks are in. `title` and `mime_type` are empty where they stay."""
    db.execute(
        "UPDATE _documents SET status = 'indexed', indexed_at = ?1, updated_at = ?1, error_message = ?2, "
        "title = CASE WHEN ?3 = '' THEN title ELSE ?3 END, "
        "mime_type = CASE WHEN ?4 = '' THEN mime_type ELSE ?4 END WHERE number = ?5",
        (now, message, title, mime_type, job.document),
    )


def embedded(db: apsw.Connection, job: Job, message: str) -> None:
    """End it: the last vector is made. The document takes back what it said, if that began with `message`."""
    finish(db, job)
    db.execute(
        "UPDATE _documents SET error_message = '' WHERE number = ? AND substr(error_message, 1, ?) = ?",
        (job.document, len(message), message),
    )


def release_servers(db: apsw.Connection, prefix: str) -> int:
    """Take away all claims whose name starts with `prefix`: who made them is dead. Returns how many."""
    db.execute(
        "UPDATE _documents SET status = 'pending' WHERE status = 'processing' AND number IN "
        "(SELECT document FROM _document_jobs WHERE substr(claimed_by, 1, ?1) = ?2)",
        (len(prefix), prefix),
    )
    db.execute(
        "UPDATE _document_jobs SET claimed_by = '', claimed_until = 0 WHERE substr(claimed_by, 1, ?) = ?",
        (len(prefix), prefix),
    )
    return db.changes()


def open_in(db: apsw.Connection, base: int, now: float) -> Open:
    """The work that a base still has; a document whose old version is being deleted counts, too."""
    sql = (
        "SELECT coalesce(sum(j.not_before <= ?1), 0), coalesce(sum(j.not_before > ?1), 0), "
        "(SELECT count(DISTINCT u.document) FROM _unseen_chunks u JOIN _documents o ON o.number = u.document "
        "WHERE o.base = ?2 AND NOT EXISTS (SELECT 1 FROM _document_jobs w WHERE w.document = o.number)) "
        "FROM _document_jobs j JOIN _documents d ON d.number = j.document WHERE d.base = ?2"
    )
    for at_work, later, leaving in db.execute(sql, (now, base)):
        return Open(at_work=at_work + leaving, put_off=later)
    return Open(at_work=0, put_off=0)


def running(db: apsw.Connection, base: int, now: float) -> list[tuple[str, Progress]]:
    """Titles of a base's documents that are being worked on, and how far each is."""
    sql = (
        "SELECT d.title, j.stage, j.done, j.total FROM _document_jobs j JOIN _documents d "
        "ON d.number = j.document WHERE d.base = ? AND j.claimed_until > ? ORDER BY j.created_at"
    )
    return [
        (title, Progress(stage=stage, done=done, total=total))
        for title, stage, done, total in db.execute(sql, (base, now))
    ]


def _free(db: apsw.Connection, job: Job, not_before: float) -> None:
    db.execute(
        f"UPDATE _document_jobs SET claimed_by = '', claimed_until = 0, not_before = ? {_HELD}",  # noqa: S608
        (not_before, job.document, job.claim),
    )
