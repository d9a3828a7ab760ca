"""docs/destinations.md is what the kinds say."""

import subprocess
import sys
from collections.abc import Callable

from forewarn_collector.destination_reference import reference, tried
from forewarn_collector.tickets.systems.kinds import KINDS


def test_the_reference_is_up_to_date(document: Callable[[str], str]) -> None:
    assert document("docs/destinations.md").split("<!-- reference -->\n")[1].rstrip() == reference().rstrip(), (
        "put the output of python -m forewarn_collector.destination_reference behind the mark in docs/destinations.md"
    )


def test_the_module_prints_it() -> None:
    command = [sys.executable, "-m", "forewarn_collector.destination_reference"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip() == reference().rstrip()


def test_it_says_how_far_each_was_tried(document: Callable[[str], str]) -> None:
    assert tried() in document("docs/destinations.md")
    assert {kind.proof for kind in KINDS.values()} <= {"real server", "documented format", "untried"}


def test_every_kind_says_what_it_needs(document: Callable[[str], str]) -> None:
    told = document("docs/destinations.md").split("## What to know of each")[1]
    assert [name for name in KINDS if f"`{name}`" not in told.split("<!-- reference -->")[0]] == []
    for name, kind in KINDS.items():
        assert (kind.system is None) != (kind.sender is None), name
        assert all(key.meaning and key.example for key in (*kind.options.values(), *kind.secrets.values())), name
