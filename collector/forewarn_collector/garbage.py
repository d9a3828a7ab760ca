"""How often Python looks for objects that only hold each other.

By itself it does so after every 700 new ones, which is after some sixty reports; hardly anything here is freed by that.
"""

import gc

NEW_OBJECTS = 50_000
"""More than a full queue of reports and the batch in hand hold, and no more than some megabytes."""


def look_seldom() -> None:
    """Once everything is loaded: what is there now stays, and is not looked at again."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
