"""Users and how they prove who they are: passwords and one-time links."""

import threading
from collections.abc import Callable

import sqlalchemy as sa

from forewarn_collector.access import rows
from forewarn_collector.access.caller import Role
from forewarn_collector.access.limits import LockOut, network_of
from forewarn_collector.access.model import (
    LOGIN,
    AccessError,
    Issued,
    Locked,
    NoUser,
    User,
    WrongPassword,
    role_problem,
    user_name_problem,
)
from forewarn_collector.access.passwords import (
    hash_password,
    hash_secret,
    password_fits,
    password_problem,
    secret_fits,
)
from forewarn_collector.access.secret import new_secret, read_secret
from forewarn_collector.access.tables import token
from forewarn_collector.store.state import reading

LINK_SECONDS = 24 * 3600.0
TRIES_OF_A_USER, TRIES_OF_AN_ADDRESS = 5, 20
PASSWORDS_AT_ONCE = 10


class Users:
    """``now``: Unix seconds; ``awake``: seconds of a clock that never jumps, for waits."""

    def __init__(self, engine: sa.Engine, now: Callable[[], float], awake: Callable[[], float]) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._now = now
        self._awake = awake
        self._of_users = LockOut(TRIES_OF_A_USER)
        self._of_addresses = LockOut(TRIES_OF_AN_ADDRESS)
        # Checking a password is slow on purpose; the threads of the API are not all for that.
        self._at_once = threading.Semaphore(PASSWORDS_AT_ONCE)

    def all(self) -> list[User]:
        with self._reading.connect() as db:
            return rows.users(db)

    def get(self, name: str) -> User:
        with self._reading.connect() as db:
            return _known(db, name)

    def check_password(self, name: str, password: str, address: str) -> User:
        """Raise WrongPassword or Locked; both say the same whether there is such a user or not."""
        network = network_of(address)
        now = self._awake()
        # The address first: who is locked out there must not be able to lock out users.
        if wait := self._of_addresses.begin(network, now) or self._of_users.begin(name, now):
            raise Locked(wait)
        if not self._at_once.acquire(blocking=False):
            raise Locked(1.0)
        try:
            with self._reading.connect() as db:
                known = rows.password_of(db, name)
            fits = password_fits(known, password)
        finally:
            self._at_once.release()
        if not fits:
            raise WrongPassword("user or password is wrong")
        self._of_users.succeeded(name)
        self._of_addresses.take_back(network)
        return self.get(name)

    def add(self, name: str, role: Role, customer: str | None) -> User:
        if problem := user_name_problem(name) or role_problem(role, customer):
            raise AccessError(problem)
        with self._engine.begin() as db:
            if rows.find_user(db, name) is not None:
                raise AccessError(f"there is a user {name} already")
            rows.add_user(db, name, role, customer, self._now())
            return _known(db, name)

    def set_role(self, name: str, role: Role, customer: str | None) -> User:
        if problem := role_problem(role, customer):
            raise AccessError(problem)
        with self._engine.begin() as db:
            _known(db, name)
            rows.change_user(db, name, role=str(role), customer=customer)
            return _known(db, name)

    def set_disabled(self, name: str, disabled: bool) -> User:
        """A disabled user cannot log in, and no token of his works. Those of a login are gone for good."""
        with self._engine.begin() as db:
            _known(db, name)
            rows.change_user(db, name, disabled_at=self._now() if disabled else None)
            if disabled:
                rows.revoke(db, self._now(), token.c.user == name, token.c.kind == LOGIN)
            return _known(db, name)

    def set_password(self, name: str, password: str) -> User:
        """Every login ends; API tokens stay."""
        if problem := password_problem(password, name):
            raise AccessError(problem)
        hashed = hash_password(password)
        with self._engine.begin() as db:
            _known(db, name)
            self._put_password(db, name, hashed)
            return _known(db, name)

    def make_link(self, name: str | None) -> Issued:
        """The code of a link at which ``name`` (None: a first administrator) sets a password, once, within a day."""
        secret = new_secret()
        expires_at = self._now() + LINK_SECONDS
        with self._engine.begin() as db:
            if name is not None:
                _known(db, name)
            rows.add_link(db, name, id=secret.id, hash=hash_secret(secret.part), expires_at=expires_at)
        return Issued(id=secret.id, secret=secret.text(), expires_at=expires_at)

    def link_is_for(self, code: str) -> str | None:
        """Whose link it is; None for a first administrator. Raise NoUser when it leads nowhere (any more)."""
        with self._reading.connect() as db:
            return self._open_link(db, code)[1]

    def use_link(self, code: str, name: str, password: str) -> User:
        """Set the password; ``name`` is asked for where the link is a first administrator's."""
        with self._reading.connect() as db:
            id_, owner = self._open_link(db, code)
        name = owner or name
        if problem := (None if owner else user_name_problem(name)) or password_problem(password, name):
            raise AccessError(problem)
        hashed = hash_password(password)
        with self._engine.begin() as db:
            if not rows.use_link(db, id_, self._now()):
                raise NoUser("this link was used already")
            if owner is None:
                if rows.users(db):
                    raise AccessError("there are users already; ask one of them for a link")
                rows.add_user(db, name, Role.ADMIN, None, self._now())
            self._put_password(db, name, hashed)
            return _known(db, name)

    def _open_link(self, db: sa.Connection, code: str) -> tuple[str, str | None]:
        secret = read_secret(code)
        row = None if secret is None else rows.open_link(db, secret.id, self._now())
        if secret is None or row is None or not secret_fits(row["hash"], secret.part):
            raise NoUser("this link leads nowhere: it was used, it is older than a day, or a newer one was made")
        return secret.id, row["user"]

    def _put_password(self, db: sa.Connection, name: str, hashed: str) -> None:
        rows.change_user(db, name, password=hashed)
        rows.revoke(db, self._now(), token.c.user == name, token.c.kind == LOGIN)


def _known(db: sa.Connection, name: str) -> User:
    found = rows.find_user(db, name)
    if found is None:
        raise NoUser(f"there is no user {name!r}; `forewarn user list` shows them all")
    return found
