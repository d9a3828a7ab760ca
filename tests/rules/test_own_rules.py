"""A provider's own rules stand for built-in ones, and built-in ones are switched off where they are not wanted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from forewarn_rules import Change, Engine, Kind, RuleFileErrors, RuleSet, SwitchedOff, load_rules

DAY = 86400.0
START = 1_700_006_400.0
RULE = "ata-pending-sectors"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The built-in rule once more, in a directory of the provider's own."""
    directory = tmp_path / "own"
    directory.mkdir()
    original = load_rules()[RULE]
    for path in (original.file, original.test_file):
        shutil.copy(path, directory)
    return directory


def edit(directory: Path, old: str, new: str) -> None:
    path = directory / f"{RULE}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems(directories: list[Path], **more: object) -> str:
    with pytest.raises(RuleFileErrors) as caught:
        load_rules(directories=directories, **more)  # type: ignore[arg-type]
    return str(caught.value)


def test_an_own_rule_stands_for_a_built_in_one_if_it_says_so(own: Path) -> None:
    found = problems([own])
    assert f"own/{RULE}.yaml:2: id: the id '{RULE}' is taken by another rule" in found
    assert "or write overrides: true to stand for it" in found
    edit(own, "schema: 1", "schema: 1\noverrides: true")
    edit(own, "title: ", "title: Ours. ")
    rules = load_rules(directories=[own])
    assert rules[RULE].file.parent == own
    assert rules[RULE].title.startswith("Ours. ")
    assert len(rules) == len(load_rules())


def test_what_overrides_nothing_is_a_mistake(own: Path) -> None:
    edit(own, f"id: {RULE}", "id: pending-of-ours\noverrides: true")
    for suffix in (".yaml", ".test.yaml"):
        (own / f"{RULE}{suffix}").rename(own / f"pending-of-ours{suffix}")
    test = own / "pending-of-ours.test.yaml"
    test.write_text(test.read_text(encoding="utf-8").replace(RULE, "pending-of-ours"), encoding="utf-8")
    found = problems([own])
    assert "own/pending-of-ours.yaml:3: overrides: there is no built-in rule 'pending-of-ours' to stand for" in found


def test_two_own_rules_cannot_both_stand_for_one(own: Path, tmp_path: Path) -> None:
    edit(own, "schema: 1", "schema: 1\noverrides: true")
    shutil.copytree(own, tmp_path / "second")
    assert f"second/{RULE}.yaml:2: overrides: there is no built-in rule" in problems([own, tmp_path / "second"])


Feed = Callable[[Engine, float, float], list[Change]]


@pytest.fixture
def feed() -> Feed:
    def observe(engine: Engine, day: float, raw: float) -> list[Change]:
        found = []
        for device, customer, model in (("srv", "Acme", "ST4000DM000"), ("lab-1", "Bolt", "HGST")):
            labels = {"device": device, "customer": customer, "model": model, "disk_kind": "unknown"}
            metrics = {"ata.197.raw": [raw]}
            at = [START + day * DAY]
            found += engine.observe(Kind.DISK, [(device, device)], lambda _, known=labels: known, at, metrics)  # type: ignore[misc]
        return found

    return observe


@pytest.mark.parametrize(
    ("patterns", "raised"),
    [
        ({}, set()),
        ({"customer": "Acme"}, {"lab-1"}),
        ({"customer": "A*", "model": "HGST"}, {"srv", "lab-1"}),
        ({"model": "ST4000*"}, {"lab-1"}),
        ({"device": "lab-*"}, {"srv"}),
        ({"site": "Store 1"}, {"srv", "lab-1"}),
    ],
)
def test_a_rule_is_off_where_the_provider_says(patterns: dict[str, str], raised: set[str], feed: Feed) -> None:
    engine = Engine(load_rules(off=[SwitchedOff(RULE, patterns)]))
    changes = feed(engine, 0, 16)
    assert {change.key[0] for change in changes if change.rule == RULE} == raised
    others = {standing.rule for standing in engine.levels(Kind.DISK, ("srv", "srv"))}
    assert "crc-errors-growing" in others


def test_what_a_rule_had_raised_ends_when_it_is_switched_off(feed: Feed) -> None:
    before = Engine(load_rules())
    assert {change.after for change in feed(before, 0, 16)} == {"warning"}
    kept = {device: before.snapshot(Kind.DISK, (device, device)) for device in ("srv", "lab-1")}
    engine = Engine(load_rules(off=[SwitchedOff(RULE, {"device": "srv"})]))
    for device, snapshot in kept.items():
        assert snapshot is not None
        engine.restore(Kind.DISK, (device, device), snapshot)
    (change,) = feed(engine, 1, 16)
    assert (change.key[0], change.before, change.after) == ("srv", "warning", "none")
    assert change.text == "This rule was switched off here."
    assert feed(engine, 2, 200) != [], "elsewhere it is judged as before"
    assert RULE not in {standing.rule for standing in engine.levels(Kind.DISK, ("srv", "srv"))}


def test_what_cannot_be_switched_off_is_a_mistake() -> None:
    wanted = [SwitchedOff("ata-pending", {}), SwitchedOff("device-silent", {"model": "ST*"})]
    found = problems([], off=wanted)
    assert "rules.disable[0]:1: rule: there is no rule 'ata-pending'; did you mean" in found
    assert "rules.disable[1]:1: model: device-silent judges a liveness, which has no model" in found


def test_all_rules_still_have_their_tests(own: Path) -> None:
    edit(own, "schema: 1", "schema: 1\noverrides: true")
    (own / f"{RULE}.test.yaml").unlink()
    assert f"there is no test {RULE}.test.yaml beside it" in problems([own])
    assert isinstance(load_rules(), RuleSet)
