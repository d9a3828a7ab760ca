"""Whose device it is."""

from forewarn_collector.directory import UNASSIGNED, Directory, Entry, Whose

ACME, GLOBEX, SITE = Whose("Acme"), Whose("Globex"), Whose("Acme", "Store 12", "Li Wei")
DIRECTORY = Directory(
    [Entry(SITE, ("acme-12-*", "acme-kiosk")), Entry(ACME, ("acme-*",)), Entry(GLOBEX, ("gx-??", "[xyz]-*"))]
)


def test_the_first_entry_that_matches_wins() -> None:
    assert DIRECTORY.whose("acme-12-pos3") == SITE
    assert DIRECTORY.whose("acme-kiosk") == SITE
    assert DIRECTORY.whose("acme-13-pos3") == ACME


def test_patterns_match_the_whole_name() -> None:
    assert DIRECTORY.whose("gx-07") == GLOBEX
    assert DIRECTORY.whose("gx-007") == Whose()
    assert DIRECTORY.whose("my-acme-12-pos3") == Whose()
    assert DIRECTORY.whose("y-1") == GLOBEX


def test_a_device_that_none_matches_is_unassigned_and_not_dropped() -> None:
    for name in ("stray", "", "*", "ACME-12-pos3"):
        assert DIRECTORY.whose(name) == Whose(UNASSIGNED, "", "")
    assert Directory().whose("anything").customer == UNASSIGNED


def test_asking_twice_says_the_same() -> None:
    assert DIRECTORY.whose("acme-12-pos3") is DIRECTORY.whose("acme-12-pos3")
