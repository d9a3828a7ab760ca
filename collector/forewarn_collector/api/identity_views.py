"""Identity, tokens and revocations as the API tells them, and what it is asked."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from forewarn_collector.api.views import IdentityView
from forewarn_collector.identity.authority import Issued
from forewarn_collector.identity.naming import Known
from forewarn_collector.identity.tokens import TokenRow

Looked = tuple[Known, Issued | None, int | None]
LookUp = Callable[[str], Looked | None]

LONGEST_SECONDS = 366 * 86_400.0


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``ttl_seconds``: for how long machines may be enrolled with it; ``uses``: how many."""

    customer: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
    site: Annotated[str, Meta(max_length=200)] = ""
    ttl_seconds: Annotated[float, Meta(gt=0, le=LONGEST_SECONDS)] = 7 * 86_400.0
    uses: Annotated[int, Meta(ge=1, le=100_000)] = 1
    actor: Annotated[str, Meta(min_length=1, max_length=200)]


class Revoke(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class TokenView(msgspec.Struct, kw_only=True):
    """A token without its secret. ``state`` is one of open, used-up, expired, revoked."""

    id: int
    customer: str
    site: str
    state: str
    uses: int
    used: int
    created_at: float
    created_by: str
    expires_at: float


class CreatedToken(msgspec.Struct, kw_only=True):
    """The only time that ``token`` is told. ``linux`` and ``windows`` are the command for a machine."""

    view: TokenView
    token: str
    fingerprint: str
    linux: str
    windows: str


def identity_view(known: Known, newest: Issued | None, token: int | None) -> IdentityView:
    return IdentityView(
        device=known.device,
        customer=known.customer,
        site=known.site,
        enrolled_at=known.enrolled_at,
        token=token,
        certificate_until=newest.not_after if newest else None,
        revoked_at=known.revoked_at,
        reason=known.reason,
    )


def token_view(row: TokenRow, now: float) -> TokenView:
    if row.revoked_at is not None:
        state = "revoked"
    elif now >= row.expires_at:
        state = "expired"
    else:
        state = "used-up" if row.used >= row.uses else "open"
    return TokenView(
        id=row.id, customer=row.customer, site=row.site, state=state, uses=row.uses, used=row.used,
        created_at=row.created_at, created_by=row.created_by, expires_at=row.expires_at,
    )  # fmt: skip


def install_command(program: str, url: str, token: str, fingerprint: str) -> str:
    """What an engineer types on the machine; nothing in it needs quoting."""
    return f"{program} install --enrol {url} --token {token} --ca-fingerprint sha256:{fingerprint}"
