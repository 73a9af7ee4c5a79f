"""The one way from a chat to the team's data: guarded, audited, with people's consent where a bot wants it.

Every SQL path uses it, whichever tool it came from. A statement runs in a worker process; one that writes
comes back as a plan of the rows that it would change, which is applied here at once, or proposed to the user.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any, Literal

import apsw
import msgspec

from appliance.bot import Bot
from appliance.changes import ChangePlan, Proposal, preview, still_allows, summary_of, to_change
from appliance.engine.services import Services
from appliance.errors import ApplianceError, ChangeRefused, Conflict, StoreError
from appliance.identity import Caller
from appliance.messages import Change, QueryOutcome, RowChange
from appliance.redact import Redactor
from appliance.sqlguard import Demands, SqlPolicy, policy_for
from appliance.store import audit, changes, proposals, results
from appliance.tools.sql_outcome import REJECTED

CONSENT_S = 24 * 3600.0
"""How long a proposed change waits for its user."""

WAITING_MAX = 20
"""Proposed changes of one conversation; more than that nobody reads."""

logger = logging.getLogger("appliance.engine")


class Data:
    """The team's data as one caller may use it through one bot, in one conversation."""

    def __init__(
        self,
        services: Services,
        bot: Bot,
        caller: Caller,
        conversation_id: str,
        demands: Demands,
        redactor: Redactor,
        message_id: str = "",
    ) -> None:
        self._services = services
        self._bot = bot
        self._caller = caller
        self.conversation_id = conversation_id
        self.message_id = message_id
        self._demands = demands
        self._redactor = redactor
        self.policy: SqlPolicy = policy_for(bot, caller, services.settings, services.data())

    async def run_sql(
        self,
        sql: str,
        description: str,
        parameters: Mapping[str, Any] | None = None,
        vector: bytes = b"",
    ) -> QueryOutcome:
        """Run one statement; never raises for a bad one, the outcome tells.

        One of ours may compute distances to a `vector` (little-endian float32).
        """
        answer = await self._services.sql.query(
            sql,
            self.policy,
            description=description,
            parameters=dict(parameters or {}),
            demands=self._demands,
            vector=vector,
        )
        if isinstance(answer, ChangePlan):
            return await self._change(answer)
        return await self._keep(answer)

    async def decide(self, proposal: Proposal, *, approve: bool) -> QueryOutcome:
        """Carry out a proposed change, or put it aside; the outcome tells also when it was too late."""
        plan = proposal.plan
        try:
            await self._services.store.read(proposals.take, proposal.id, now=self._services.clock())
            if not approve:
                await self._services.store.write(self._decline, proposal)
                return _told(
                    plan, to_change(plan, id=proposal.id, status="declined"), "Declined: nothing was changed."
                )
            again = await self._services.sql.query(
                plan.sql, self.policy, description=plan.description, parameters=plan.parameters
            )
            if isinstance(again, QueryOutcome):
                await self._services.store.write(self._fail, proposal, again.error or "")
                return msgspec.structs.replace(again, change=to_change(plan, id=proposal.id, status="failed"))
            if not still_allows(plan, again):
                raise Conflict(
                    "The data has changed since this was proposed, so nothing was done. Ask again."
                )
            rows = await self._services.store.write(self._apply_proposal, proposal)
        except ApplianceError as error:
            return await self._not_changed(plan, error, proposal)
        return _applied(plan, rows, proposal.id)

    # -- reading -------------------------------------------------------------------------------------

    async def _keep(self, outcome: QueryOutcome) -> QueryOutcome:
        """Write down who asked what, and keep the rows; a full disk must not keep them from the answer."""
        result_id = str(uuid.uuid4()) if outcome.rows else ""
        try:
            await self._services.store.write(self._record_query, outcome, result_id)
        except StoreError as error:
            logger.warning("a query could not be recorded: %s", error.text)
            return outcome
        return msgspec.structs.replace(outcome, result_id=result_id)

    def _record_query(self, db: apsw.Connection, outcome: QueryOutcome, result_id: str) -> None:
        if result_id:
            shown = redacted(outcome, self._redactor)
            results.keep(db, result_id, self.conversation_id, shown, self._services.clock())
        if self._bot.disable_execution_logs:
            return
        self._record(
            db,
            "sql.execute",
            sql=outcome.sql,
            success=outcome.error is None,
            error=outcome.error,
            rows=outcome.row_count,
            duration_ms=round(outcome.duration_ms, 1),
            tables=outcome.tables,
            **_allowed(outcome),
        )

    # -- writing -------------------------------------------------------------------------------------

    async def _change(self, plan: ChangePlan) -> QueryOutcome:
        if not plan.rows:
            same = ", or the rows have these values already" if plan.operation == "UPDATE" else ""
            nothing = f"No rows changed: nothing matched{same}."
            return await self._keep(_told(plan, to_change(plan, status="applied"), nothing))
        try:
            if self._bot.confirm_writes:
                return await self._propose(plan)
            rows = await self._services.store.write(self._apply, plan)
        except ApplianceError as error:
            return await self._not_changed(plan, error, None)
        return _applied(plan, rows)

    async def _propose(self, plan: ChangePlan) -> QueryOutcome:
        now = self._services.clock()
        proposal = Proposal(
            id=str(uuid.uuid4()),
            tenant=self._caller.tenant,
            owner=self._caller.owner,
            conversation_id=self.conversation_id,
            namespace=self._bot.namespace,
            bot=self._bot.name,
            status="proposed",
            plan=plan,
            created_at=now,
            expires_at=now + CONSENT_S,
        )
        await self._services.store.write(self._record_proposal, proposal)
        change = to_change(plan, id=proposal.id, status="proposed", expires_at=proposal.expires_at)
        return _told(
            plan, change, f"Proposed: {summary_of(plan)}. Nothing is changed until the user confirms."
        )

    def _record_proposal(self, db: apsw.Connection, proposal: Proposal) -> None:
        waiting = proposals.count_open(db, proposal.conversation_id, proposal.created_at)
        if waiting >= WAITING_MAX:
            raise ChangeRefused(f"{waiting} changes already wait for the user's word; they come first.")
        changes.rehearse(db, proposal.plan, rows_max=self.policy.changed_rows_max)
        proposals.propose(db, proposal)
        self._record_change(db, "data.propose", proposal.plan, proposal.id)

    def _apply(self, db: apsw.Connection, plan: ChangePlan) -> list[RowChange]:
        rows = changes.apply(db, plan, rows_max=self.policy.changed_rows_max)
        self._record_change(db, "data.change", plan, "", rows)
        return rows

    def _apply_proposal(self, db: apsw.Connection, proposal: Proposal) -> list[RowChange]:
        now = self._services.clock()
        proposals.take(db, proposal.id, now=now)
        rows = changes.apply(db, proposal.plan, rows_max=self.policy.changed_rows_max)
        proposals.settle(db, proposal.id, "applied", now)
        self._record_change(db, "data.change", proposal.plan, proposal.id, rows)
        return rows

    def _decline(self, db: apsw.Connection, proposal: Proposal) -> None:
        now = self._services.clock()
        proposals.take(db, proposal.id, now=now)
        proposals.settle(db, proposal.id, "declined", now)
        self._record_change(db, "data.decline", proposal.plan, proposal.id)

    def _fail(self, db: apsw.Connection, proposal: Proposal, error: str) -> None:
        """A proposal that turned out to be impossible is decided, too; one that is decided stays so."""
        now = self._services.clock()
        proposals.take(db, proposal.id, now=now)
        proposals.settle(db, proposal.id, "failed", now)
        self._record_change(db, "data.refuse", proposal.plan, proposal.id, error=error)

    async def _not_changed(
        self, plan: ChangePlan, error: ApplianceError, proposal: Proposal | None
    ) -> QueryOutcome:
        """The outcome of a write that was rolled back, after writing down that it was tried."""
        status: Literal["applied", "declined", "failed"] = "failed"
        try:
            if proposal is None:
                await self._services.store.write(
                    self._record_change, "data.refuse", plan, "", error=error.text
                )
            else:
                await self._services.store.write(self._fail, proposal, error.text)
        except Conflict:
            status = self._decided(proposal)
        except StoreError as problem:
            logger.warning("a refused change could not be recorded: %s", problem.text)
        text = error.public_text
        return QueryOutcome(
            sql=plan.sql,
            description=plan.description,
            summary=f"Nothing was changed now: {text}",
            error=text,
            tables=[plan.table],
            duration_ms=plan.duration_ms,
            change=msgspec.structs.replace(
                to_change(plan, id=proposal.id if proposal else "", status=status), rows=[]
            ),
        )

    def _decided(self, proposal: Proposal | None) -> Literal["applied", "declined", "failed"]:
        """What became of a proposal that was decided elsewhere at the same time, say in another tab."""
        caller = self._caller
        found = proposal and self._services.store.read_now(
            proposals.find, proposal.id, tenant=caller.tenant, owner=caller.owner
        )
        return found.status if found and found.status in ("applied", "declined") else "failed"

    # -- the audit trail -----------------------------------------------------------------------------

    def _record_change(
        self,
        db: apsw.Connection,
        action: str,
        plan: ChangePlan,
        id: str,
        rows: list[RowChange] | None = None,
        *,
        error: str = "",
    ) -> None:
        """Changes are always audited, with what was there before and what is there now."""
        shown = preview(plan) if rows is None else rows
        self._record(
            db,
            action,
            sql=plan.sql,
            operation=plan.operation,
            table=plan.table,
            rows=[msgspec.to_builtins(row) for row in shown],
            **({"change_id": id} if id else {}),
            **({"error": error} if error else {}),
        )

    def _record(self, db: apsw.Connection, action: str, **details: Any) -> None:
        caller = self._caller
        audit.record(
            db,
            at=self._services.clock(),
            tenant=caller.tenant,
            actor=caller.principal,
            action=action,
            target=f"bot:{self._bot.namespace}/{self._bot.name}",
            details=self._redactor.clean_all(details) | self.told_of_call(),
        )

    def told_of_call(self) -> dict[str, Any]:
        """What the trail has of every call: for whom, from where, in which message."""
        caller = self._caller
        return {
            "conversation_id": self.conversation_id,
            "message_id": self.message_id,
            "ip": caller.ip,
            "user_agent": caller.user_agent,
        } | ({"acting_for": caller.user_id} if caller.impersonated_by else {})


def _allowed(outcome: QueryOutcome) -> dict[str, Any]:
    """Whether a statement was allowed at all, rather than too big or too slow, and what it then did."""
    if outcome.error is not None and outcome.summary.startswith(REJECTED):
        return {"rejected": True}
    return {"rejected": False, "operation": outcome.change.operation if outcome.change else "SELECT"}


def redacted(outcome: QueryOutcome, redactor: Redactor) -> QueryOutcome:
    """The outcome without secrets that code of the bot's author has pasted into statements or tables."""
    if not redactor.knows_any:
        return outcome
    return msgspec.convert(redactor.clean_value(msgspec.to_builtins(outcome)), QueryOutcome)


def _told(plan: ChangePlan, change: Change, summary: str) -> QueryOutcome:
    """An outcome without rows."""
    return QueryOutcome(
        sql=plan.sql,
        description=plan.description,
        summary=summary,
        tables=[plan.table],
        duration_ms=plan.duration_ms,
        change=change,
    )


def _applied(plan: ChangePlan, rows: list[RowChange], id: str = "") -> QueryOutcome:
    """The rows as they are now; for deleted ones, as they were."""
    change = msgspec.structs.replace(to_change(plan, id=id, status="applied"), rows=rows)
    shown = [row.after or row.before or {} for row in rows]
    return msgspec.structs.replace(
        _told(plan, change, f"Done: {summary_of(plan)}."),
        columns=plan.columns,
        rows=[[row.get(column) for column in plan.columns] for row in shown],
        row_count=len(rows),
    )
