"""Text from devices, made harmless."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from forewarn_collector.cli.tables import cell, paragraph
from forewarn_collector.cli.text import clean, clean_json, clean_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("shop-07", "shop-07"),
        ("Müller & Söhne, 上海", "Müller & Söhne, 上海"),
        ("👩‍💻", "👩‍💻"),
        ("", ""),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("\x9b2J", "\\x9b2J"),
        ("\x7f", "\\x7f"),
        ("abc\u202egpj.exe", "abc\\u202egpj.exe"),
        ("\u2028", "\\u2028"),
        ("\udcff", "\\udcff"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_clean_writes_out_what_would_steer_a_terminal(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_lines_stay_lines() -> None:
    assert clean_lines("one\r\ntwo\rthree\x1b\n") == ["one", "two\\rthree\\x1b", ""]


@given(st.text())
def test_nothing_that_is_cleaned_needs_cleaning_again(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_cleaned_json_document_says_the_same(text: str) -> None:
    document = json.dumps({"said": text}, ensure_ascii=False, indent=2)
    safe = clean_json(document)
    assert json.loads(safe) == {"said": text}
    assert "\x9b" not in safe
    assert "\u202e" not in safe


def test_markup_in_a_cell_is_text() -> None:
    screen = Console(width=80, record=True, force_terminal=True, color_system="truecolor", file=io.StringIO())
    screen.print(cell("[red]evil[/red] :skull:"))
    screen.print(paragraph("[bold]evil[/bold]\x1b[31m"))
    assert screen.export_text(styles=True).splitlines() == [
        "[red]evil[/red] :skull:",
        "  [bold]evil[/bold]\\x1b[31m".ljust(80),
    ]
