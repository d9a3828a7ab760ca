"""What the keys of rule files have in common."""

from typing import Annotated

from msgspec import Meta

DURATION = {"parse": "duration"}
"""Marks a key whose text is a duration; it arrives as seconds."""

Word = Annotated[str, Meta(min_length=1)]
