"""The widget's first requests: what the bot looks like, and who talks to it."""

from __future__ import annotations

from appliance.bot import Bot
from appliance.engine import widget_bots, widget_files, widget_sessions
from appliance.engine.engine import Engine
from appliance.engine.widget_sessions import Shown
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.widget import shapes
from appliance.wire import Reply, Request

NAMESPACE = Param(
    name="namespace", description="The bot's; without one, that of `default`, or the only public one"
)


async def get_bot(engine: Engine, request: Request) -> Reply:
    """`GET /bots/<bot>`: all that the widget has to know before somebody writes."""
    bot = _bot(engine, request)
    return Reply(
        body=shapes.WidgetBot(
            bot=bot.name,
            namespace=bot.namespace,
            title=bot.title or bot.name,
            description=bot.description,
            greeting=bot.greeting,
            suggestions=bot.suggestions,
            placeholder=bot.placeholder,
            colour=bot.colour,
            theme=bot.theme,
            position=bot.position,
            uploads=widget_files.are_taken(engine, bot),
            upload_types=list(widget_files.TYPES),
            upload_bytes_max=engine.services.settings.widget_upload_bytes_max,
            handoff=bot.handoff,
            operators=bot.handoff and widget_bots.somebody_is_there(engine, request.caller.tenant),
            identity=widget_bots.identity_wanted(bot),
            feedback=True,
            follow_ups=bot.follow_ups,
            privacy_url=bot.privacy_url,
        )
    )


async def begin(engine: Engine, request: Request) -> Reply:
    """`POST /bots/<bot>/session`: a token for a visitor, or for the user whom the page vouches for."""
    bot = _bot(engine, request)
    asked = request.json(shapes.SessionAsked)
    user = asked.user
    shown = Shown(
        visitor=asked.visitor or "",
        user_id=user.id if user else None,
        hash=user.hash if user else "",
        name=(user.name or "") if user else "",
        email=(user.email or "") if user else "",
        jwt=asked.jwt or "",
    )
    session = await widget_sessions.begin(engine, request.caller, bot, shown)
    return Reply(
        body=shapes.WidgetSession(
            token=session.token, kind=session.kind, expires_at=session.expires_at, name=session.name
        ),
        headers={"Cache-Control": "no-store"},
    )


def _bot(engine: Engine, request: Request) -> Bot:
    return widget_bots.find(engine, request.path["bot"], request.query.get("namespace", ""), request.caller)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/api/v1/widget/bots/<bot>",
        handler=get_bot,
        summary="A bot as a page's widget shows it",
        params=(NAMESPACE,),
        answers={200: shapes.WidgetBot},
        errors=(403, 404),
        access="anyone",
    ),
    Endpoint(
        method="POST",
        path="/api/v1/widget/bots/<bot>/session",
        handler=begin,
        summary="A token for a page's visitor, or for the user whom the page vouches for",
        params=(NAMESPACE,),
        body=shapes.SessionAsked,
        body_required=False,
        answers={200: shapes.WidgetSession},
        errors=(400, 401, 403, 404),
        access="anyone",
    ),
)
