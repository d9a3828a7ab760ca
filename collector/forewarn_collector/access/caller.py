"""Who asks, and what each role may. Pure."""

from collections.abc import Callable
from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Each may what those before it may; a customer sees only its own devices and tickets."""

    CUSTOMER = "customer"
    ENGINEER = "engineer"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(other)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. ``customer`` is set for the role customer alone; ``token``: which of the user's tokens was shown;
    ``local``: whoever may read the data directory."""

    name: str
    role: Role
    customer: str | None = None
    token: str = ""
    local: bool = False

    def may_see(self, customer: str) -> bool:
        """Whether what belongs to this customer is for the caller."""
        return self.role is not Role.CUSTOMER or customer == self.customer

    @property
    def sees(self) -> Callable[[str], bool] | None:
        """`may_see`, or None for one who may see everything: then nobody has to look whose ten thousand devices are."""
        return self.may_see if self.role is Role.CUSTOMER else None

    def signature(self, claimed: str) -> str:
        """Under which name a change is written down: only on the collector's own machine is a claim believed."""
        return claimed if self.local else self.name
