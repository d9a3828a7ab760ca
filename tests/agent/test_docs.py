"""The README says what the code does: every probe, key and outcome is in it."""

from pathlib import Path

import pytest

from forewarn_agent.config_keys import KEYS, Computed, Key
from forewarn_agent.platforms import Absent, Platform
from forewarn_agent.probes import PROBES
from forewarn_agent.probes.reading import Probe, said_of
from forewarn_agent.units import duration_text
from forewarn_wire import Outcome

AGENT = Path(__file__).parents[2] / "agent"
README = (AGENT / "README.md").read_text()
ROWS = {
    cells[1].strip("` "): [cell.strip() for cell in cells[2:-1]]
    for line in README.splitlines()
    if line.startswith("| `") and (cells := line.split("|"))
}


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_every_probe_has_its_row(probe: Probe[object]) -> None:
    assert ROWS[probe.name] == [probe.measures, probe.unit, probe.source, "on" if probe.default else "off"]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.path)
def test_every_key_has_its_row_and_default(key: Key) -> None:
    shown = ROWS[key.path][0]
    if isinstance(key.default, Computed):
        assert shown == key.default.text
    elif isinstance(key.default, bool):
        assert shown == ("on" if key.default else "off")
    elif isinstance(key.default, float):
        assert shown == duration_text(key.default)
    elif isinstance(key.default, int):
        assert shown == f"{key.default // 1024**2}M"
    elif isinstance(key.default, frozenset):
        assert shown == (", ".join(sorted(key.default)) or "none")
    elif key.default is None:
        assert shown in {"none", "off", "the system's"}
    else:
        assert shown == str(key.default)


def test_no_row_is_left_over() -> None:
    known = {key.path for key in KEYS} | {probe.name for probe in PROBES} | {outcome.value for outcome in Outcome}
    assert {name for name in ROWS if not name.endswith(("py", "/")) and name not in known} == set()


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_explained(outcome: Outcome) -> None:
    assert f"`{outcome.value}`" in README


def test_every_module_is_named() -> None:
    modules = {path.name for path in (AGENT / "forewarn_agent").glob("*.py") if not path.name.startswith("__")}
    assert {name for name in modules if f"`{name}`" not in README} == {"stamp.py"}


PLATFORMS = (AGENT.parent / "docs" / "platforms.md").read_text()


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_the_page_on_platforms_has_every_source_and_reason(probe: Probe[object]) -> None:
    told = ["not here: " * isinstance(source, Absent) + said_of(source) for source in map(probe.sources.get, Platform)]
    assert f"| `{probe.name}` | {' | '.join(told)} |\n" in PLATFORMS


def test_the_page_on_platforms_names_the_probes_that_there_are() -> None:
    table = PLATFORMS.split("## Sources")[1].split("\n## ")[0]
    assert [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")] == [p.name for p in PROBES]
