"""Column types that mean in PostgreSQL what SQLite makes of them."""

import sqlalchemy as sa

Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bit. SQLite counts up only what is called INTEGER."""


def String(length: int) -> sa.String:  # noqa: N802 - a type, as the tables write it
    """As long as it comes, compared byte by byte. ``length``: what is usual; SQLite never held anybody to it."""
    return sa.String(length).with_variant(sa.Text(collation="C"), "postgresql")
