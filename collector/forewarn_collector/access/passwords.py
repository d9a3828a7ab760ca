"""Hashing with argon2. The only module that knows the library."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 256

_passwords = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# A token is 256 random bits: nobody guesses it from its hash, and it is asked for often.
_tokens = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)
# One hash takes 64 MiB: many who try at once must not take the memory of the collector.
_few_at_a_time = threading.Semaphore(2)
# A user who is not there costs the same time: no password has this hash, and comparing with it takes as long.
_of_nobody = (
    f"$argon2id$v=19$m={_passwords.memory_cost},t={_passwords.time_cost},p={_passwords.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)


def password_problem(text: str, name: str) -> str | None:
    """Why this cannot be a password, with the remedy; None when it can."""
    if len(text) < LEAST_CHARACTERS:
        return f"a password has at least {LEAST_CHARACTERS} characters: several words are easy to remember"
    if len(text) > MOST_CHARACTERS:
        return f"a password has at most {MOST_CHARACTERS} characters"
    if name and name.casefold() in text.casefold() and len(text) < len(name) + LEAST_CHARACTERS:
        return "the user name is most of this password: choose another"
    if len(set(text)) < 5:
        return "this password repeats the same few characters: choose another"
    return None


def hash_password(text: str) -> str:
    with _few_at_a_time:
        return _passwords.hash(_normal(text))


def password_fits(known: str | None, text: str) -> bool:
    """Takes the same time when there is nothing to compare with (None)."""
    with _few_at_a_time:
        fits = _verify(_passwords, known or _of_nobody, _normal(text))
    return fits and known is not None


def hash_secret(text: str) -> str:
    """For secrets that are random: tokens and one-time links."""
    with _few_at_a_time:
        return _tokens.hash(text)


def secret_fits(known: str, text: str) -> bool:
    with _few_at_a_time:
        return _verify(_tokens, known, text)


def _verify(hasher: PasswordHasher, known: str, text: str) -> bool:
    try:
        return hasher.verify(known, text)
    except (VerificationError, InvalidHashError):
        return False


def _normal(text: str) -> str:
    """The same password from every keyboard."""
    return unicodedata.normalize("NFKC", text)
