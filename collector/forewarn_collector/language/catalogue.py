"""Catalogues of messages, one for each language; English is what stands in the code and in the rules."""

import gettext
from functools import lru_cache
from importlib import resources
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

DOMAIN = "forewarn"
ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")


def nearest(language: str) -> str:
    """The language of ``LANGUAGES`` for one that somebody asked for: ``zh_CN`` is ``zh``; without one it is English."""
    found = language.partition("_")[0]
    return found if found in LANGUAGES else ENGLISH


@lru_cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The messages of a language, compiled when they are first asked for; one that there is not is English."""
    if language == ENGLISH or language not in LANGUAGES:
        return gettext.NullTranslations()
    file = resources.files("forewarn_collector") / "language" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    with file.open("rb") as opened:
        messages = read_po(opened, locale=language, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
