"""Where ``forewarn login`` keeps tokens: in the user's keyring where there is one, otherwise in a file that nobody else
may read."""

import os
from pathlib import Path

import msgspec
from platformdirs import user_config_path

SERVICE = "forewarn"


class LoginError(Exception):
    """The file of logins cannot be used; the text says why and what to do."""


class Login(msgspec.Struct, kw_only=True):
    """``token`` is null when the keyring has it; ``ca``: a file with the authority of the server's certificate."""

    url: str
    user: str
    token: str | None = None
    ca: str | None = None


class Logins(msgspec.Struct, kw_only=True):
    """``current``: the one that commands ask which name none."""

    current: str | None = None
    logins: list[Login] = []

    def find(self, url: str | None) -> Login | None:
        wanted = self.current if url is None else url
        return next((login for login in self.logins if login.url == wanted), None)


def place() -> Path:
    return user_config_path("forewarn") / "logins.json"


def load() -> Logins:
    """Raise LoginError for a file that others may read, or that is damaged."""
    path = place()
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except FileNotFoundError:
        return Logins()
    except OSError as error:
        raise LoginError(f"{path} cannot be read: {error.strerror}") from None
    if os.name == "posix" and mode & 0o077:
        raise LoginError(f"{path} may be read by others; log out, and log in again (or: chmod 600 {path})")
    try:
        return msgspec.json.decode(content, type=Logins)
    except msgspec.MsgspecError:
        raise LoginError(f"{path} is damaged; remove it and log in again") from None


def token_of(login: Login) -> str | None:
    """None when the keyring has lost it, or is not to be had."""
    return login.token if login.token is not None else _from_keyring(login)


def keep(login: Login, token: str) -> str:
    """Keep the token and make this login the current one. Return where the token is: ``keyring`` or the file's name."""
    known = load()
    in_keyring = _to_keyring(login, token)
    login.token = None if in_keyring else token
    known.logins = [other for other in known.logins if other.url != login.url] + [login]
    known.current = login.url
    _write(known)
    return "keyring" if in_keyring else str(place())


def forget(login: Login) -> None:
    known = load()
    known.logins = [other for other in known.logins if other.url != login.url]
    if known.current == login.url:
        known.current = None
    _write(known)
    _drop_from_keyring(login)


def _write(logins: Logins) -> None:
    path = place()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(logins))
    fresh.replace(path)


def _entry(login: Login) -> str:
    return f"{login.user}@{login.url}"


# A keyring that is locked, away or not installed is no error: the file serves.


def _to_keyring(login: Login, token: str) -> bool:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return False
    try:
        keyring.set_password(SERVICE, _entry(login), token)
        return keyring.get_password(SERVICE, _entry(login)) == token
    except (KeyringError, OSError, RuntimeError):
        return False


def _from_keyring(login: Login) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(SERVICE, _entry(login))
    except (KeyringError, OSError, RuntimeError):
        return None


def _drop_from_keyring(login: Login) -> None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return
    try:
        keyring.delete_password(SERVICE, _entry(login))
    except (KeyringError, OSError, RuntimeError):
        return
