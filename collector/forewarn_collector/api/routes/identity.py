"""Routes for engineers: enrolment tokens, and taking a device's identity away."""

from collections.abc import Callable
from typing import NamedTuple

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from forewarn_collector.access.caller import Caller
from forewarn_collector.api.described import PROBLEMS
from forewarn_collector.api.identity_views import (
    CreatedToken,
    NewToken,
    Revoke,
    TokenView,
    identity_view,
    install_command,
    token_view,
)
from forewarn_collector.api.not_here import NotHere
from forewarn_collector.api.views import IdentityView
from forewarn_collector.identity.office import Office
from forewarn_wire import device_name_problem


class Enrolment(NamedTuple):
    """The enrolment port's address as machines reach it, and the authority's fingerprint."""

    url: str
    fingerprint: str


def identity_routes(
    office: Office, enrolment: Callable[[], Enrolment | None], now: Callable[[], float]
) -> list[HTTPRouteHandler]:
    @get("/enrol-tokens", sync_to_thread=True, responses=PROBLEMS)
    def enrol_tokens() -> list[TokenView]:
        """Every enrolment token, the newest first, without its secret."""
        return [token_view(row, now()) for row in office.tokens()]

    @post("/enrol-tokens", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def create_enrol_token(data: JSONBody[NewToken], caller: NamedDependency[Caller]) -> CreatedToken:
        """A new token and the command that enrols a machine with it; the token is never told again."""
        place = enrolment()
        if place is None:
            raise ClientException("nobody can be enrolled: add the section enrol to the configuration", status_code=409)
        row, token = office.create_token(
            data.customer, data.site, data.ttl_seconds, data.uses, caller.signature(data.actor)
        )
        linux, windows = (
            install_command(program, place.url, token, place.fingerprint)
            for program in ("sudo forewarn-agent", "forewarn-agent.exe")
        )
        return CreatedToken(
            view=token_view(row, now()), token=token, fingerprint=place.fingerprint, linux=linux, windows=windows
        )

    @delete("/enrol-tokens/{number:int}", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def revoke_enrol_token(number: FromPath[int]) -> TokenView:
        """Nobody is enrolled with it any more; who was, stays."""
        return token_view(office.revoke_token(number), now())

    @post("/devices/{name:str}/revoke", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def revoke_device(name: FromPath[str], data: JSONBody[Revoke]) -> IdentityView:
        """Take a device's identity away, at once and at every front door."""
        office.revoke(_checked(name), data.reason)
        return look(name)

    @post("/devices/{name:str}/reinstate", sync_to_thread=True, status_code=200, responses=PROBLEMS)
    def reinstate_device(name: FromPath[str]) -> IdentityView:
        """Let a revoked device come back; with a certificate of ours it must enrol again."""
        office.reinstate(_checked(name))
        return look(name)

    def look(name: str) -> IdentityView:
        found = office.look(name)
        assert found is not None
        return identity_view(*found)

    return [enrol_tokens, create_enrol_token, revoke_enrol_token, revoke_device, reinstate_device]


def _checked(name: str) -> str:
    if problem := device_name_problem(name):
        raise NotHere(problem)
    return name
