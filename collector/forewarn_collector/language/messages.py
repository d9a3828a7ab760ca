"""Every message that is to be translated, and the catalogues brought up to date with them.

python -m forewarn_collector.language.messages
"""

from collections.abc import Iterator
from importlib import resources
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from forewarn_collector.language import texts
from forewarn_collector.language.catalogue import DOMAIN, ENGLISH, LANGUAGES
from forewarn_collector.notify import texts as phone
from forewarn_collector.tickets import life, site_words
from forewarn_rules import FAULTS, load_rules
from forewarn_rules.model_signals import PHRASES
from forewarn_rules.risk import shipped_model

WIDTH = 110
HEADER = """\
# Messages of forewarn: of its rules, tickets and pages.
# python -m forewarn_collector.language.messages brings it up to date."""


def messages() -> Iterator[tuple[str, str]]:
    """(message, where it is from)."""
    for rule in load_rules():
        yield rule.title, rule.id
        for template in (rule.what, rule.why, *rule.do, *rule.calm_when, rule.cleared):
            yield template.text, rule.id
    model = shipped_model("hdd")
    names = [feature.name for feature in model.features if not feature.window_days] if model else []
    yield from ((phrase, "risk model") for phrase in (*PHRASES, *names))
    yield from ((text, "fault") for text in FAULTS.values())
    yield from ((text, "outcome") for text in life.OUTCOMES.values())
    yield from ((text, "site") for text in (site_words.TITLE, site_words.WHAT, site_words.WHY))
    yield from ((text, "site") for text in (*site_words.DO, *site_words.CALM_WHEN))
    yield from ((text, "heading") for text in texts.HEADINGS.values())
    windows = (texts.WITHIN, texts.LIKELY, *texts.UNKNOWN_WINDOW.values())
    yield from ((text, "by when") for text in windows)
    yield from ((text, "to bring") for text in (texts.DISK_TO_BRING, texts.DISK_TO_TAKE_OUT))
    yield from ((text, "to bring") for several in texts.BRING.values() for text in several)
    units = (texts.SECONDS, texts.MINUTES, texts.HOURS, texts.DAYS, texts.UNKNOWN, texts.NO_FORECAST)
    yield from ((text, "value") for text in units)
    yield from ((text, "phone") for text in phone.MESSAGES)
    yield from _pages()


def _pages() -> Iterator[tuple[str, str]]:
    """What the templates of the pages mark with ``_()``."""
    templates = Path(str(resources.files("forewarn_collector"))) / "web" / "templates"
    for name, _, message, _, _ in extract_from_dir(templates, [("**.html", "jinja2.ext:babel_extract")]):
        yield str(message), f"page {name}"


def template() -> Catalog:
    found = Catalog(domain=DOMAIN, project="forewarn", fuzzy=False)
    for text, place in messages():
        found.add(text, auto_comments=[place])
    return found


def file_of(language: str) -> Path:
    place = resources.files("forewarn_collector") / "language" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    return Path(str(place))


def update(language: str) -> None:
    """New messages are added without a translation, those that are gone are taken out."""
    file = file_of(language)
    known = Catalog(locale=language, domain=DOMAIN)
    if file.exists():
        with file.open("rb") as opened:
            known = read_po(opened, locale=language, domain=DOMAIN)
    wanted = template()
    # Nothing in the file changes when no message did.
    wanted.creation_date = known.creation_date
    known.update(wanted, no_fuzzy_matching=True)
    known.fuzzy, known.header_comment, known.project, known.version = False, HEADER, "forewarn", "1"
    for message in known:
        message.flags.clear()  # what looks like %-formatting is a percent sign
    written = BytesIO()
    write_po(written, known, width=WIDTH, ignore_obsolete=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(written.getvalue())


if __name__ == "__main__":
    for one in LANGUAGES:
        if one != ENGLISH:
            update(one)
