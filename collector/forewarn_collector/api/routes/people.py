"""The directory, who is on call, engineers and their work."""

from typing import Annotated, Any

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromPath, JSONBody, QueryParameter

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.audited import Noted
from forewarn_collector.api.described import PROBLEMS, Limit
from forewarn_collector.api.duty import Duty, override_view
from forewarn_collector.api.people_views import (
    AppliedView,
    Apply,
    DirectoryView,
    EngineerView,
    NewOverride,
    OnCallView,
    OverrideView,
)
from forewarn_collector.people.diff import difference
from forewarn_collector.people.model import Version

At = Annotated[float | None, QueryParameter(ge=0, le=4_000_000_000)]


def people_routes(duty: Duty) -> list[Any]:
    @get("/directory", sync_to_thread=True, responses=PROBLEMS)
    def directory(caller: NamedDependency[Caller]) -> DirectoryView:
        """The applied directory; a customer gets the own entry with its contacts."""
        return duty.directory(caller)

    @post("/directory", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def apply(data: JSONBody[Apply], caller: NamedDependency[Caller], noted: NamedDependency[Noted]) -> AppliedView:
        """Let another directory count from now on, as a whole. One that says the same changes nothing."""
        before = duty.register.version
        diff = difference(duty.register.people.file, data.document)
        noted.before = {"version": before.number if before else None}
        noted.after = {"version": noted.before["version"], "diff": diff}
        if not diff and before is not None:
            return AppliedView(version=None, diff=[])
        version = duty.register.apply(data.document, caller.signature(data.actor), data.base)
        noted.after = {"version": version.number, "diff": diff}
        return AppliedView(version=version, diff=diff)

    @get("/directory/versions", sync_to_thread=True, responses=PROBLEMS)
    def versions(limit: Limit = 100) -> list[Version]:
        """Who applied a directory, and when; the newest first."""
        return duty.register.versions(limit)

    @get("/on-call", sync_to_thread=True, responses=PROBLEMS)
    def on_call(at: At = None) -> list[OnCallView]:
        """Who is on call now, or at another time, and who comes next."""
        return duty.on_call(at)

    @post("/on-call/overrides", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def override(data: JSONBody[NewOverride], caller: NamedDependency[Caller]) -> OverrideView:
        """Somebody else is on call for a while."""
        if data.end <= data.start:
            raise ValidationException("end: not after start")
        made = duty.register.add_stand_in(
            data.schedule, data.engineer, data.start, data.end, caller.signature(data.actor)
        )
        return override_view(made)

    @delete("/on-call/overrides/{number:int}", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def remove_override(number: FromPath[int], caller: NamedDependency[Caller]) -> OverrideView:
        """Take an override back: the shifts count again."""
        return override_view(duty.register.remove_stand_in(number, caller.name))

    @get("/engineers/{engineer:str}", sync_to_thread=True, responses=PROBLEMS)
    def engineer(engineer: FromPath[str]) -> EngineerView:
        """An engineer, by name or user name, with the open work and its clocks."""
        return duty.engineer(engineer)

    return [directory, apply, versions, on_call, override, remove_override, engineer]
