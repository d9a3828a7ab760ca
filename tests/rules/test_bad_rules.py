"""Every mistake has its own small file in tests/data/bad-rules, and gets one clear message."""

import shutil
from pathlib import Path

import pytest

from forewarn_rules import RuleFileErrors, load_rules

BAD = Path(__file__).resolve().parent.parent / "data" / "bad-rules"

TEST = """\
rule: {rule}
step: 1m
cases:
  - {{name: raises, series: {{memory.used_percent: "95"}}, expect: [{{at: 0m, level: warning}}]}}
  - {{name: calm, series: {{memory.used_percent: "50"}}, expect: [{{at: 0m, level: none}}]}}
"""

MESSAGES = {
    "never-cleared": "12: levels.warning.clear: nothing can make the clear condition true: it would stand for ever",
    "peers-of-no-signal": "8: signals.used.of: 'growing' is not a signal of memory.used_percent that can be compared",
    "raised-by-nothing": "11: levels.warning.raise: this is raised where nothing was measured; ask for something",
    "apart-of-a-mean": "8: signals.used: take: mean has no apart; take it out",
    "unknown-ticket-about": "17: ticket.about: 'disk' is not a choice here; choose of part, device",
    "month-of-a-percentage": "14: explain.what: {used:month} is not a point in time: its unit is percent",
    "steady-of-a-mean": "8: signals.used: take: mean has no steady; take it out",
    "lately-beyond-the-window": "8: signals.used.lately: lately is not within the window of 14 days",
    "explained-by-another-report": "8: signals.used.explained_by: 'disk.temperature_celsius' does not explain",
    "explained-by-itself": "8: signals.used.explained_by: 'memory.used_percent' does not explain",
    "residual-of-nothing": "8: signals.used: take: residual needs to know what explains it; add",
    "alias": "4: owner: this is an alias (*name); write the value out",
    "all-and-any": "11: levels.warning.raise: 'all' and 'any' stand side by side; join them in a list",
    "bad-duration": "12: levels.warning.for: '30 minutes' is not a duration; write it with its units",
    "bad-id": "2: id: expected text matching regex",
    "bad-number-format": "14: explain.what: {used:.0z} is not a number format: write .0f",
    "bin-of-nothing": "8: signals.used.window: a window of 24 h is not cut into whole bins of 0 s",
    "budget-missing": "8: signals.risk: take: model_limit needs a budget; add budget: 2",
    "budget-not-measured": "8: signals.risk.budget: the model was not measured for a budget of 50; choose one from 0",
    "duration-of-a-percentage": "14: explain.what: {used:duration} is not a time: its unit is percent",
    "empty-scope": "6: scope.per: this is empty (found [])",
    "forecast-of-a-forecast": "9: signals.used.reach: a forecast cannot be reached",
    "forecast-without-time": "12: levels.warning.forecast: by when is not clear",
    "horizon-missing": "8: signals.used: take: crossing needs a horizon; add horizon: 30d",
    "horizon-of-nothing": "8: signals.used.horizon: this is no time ahead; write horizon: 30d",
    "inverted-hysteresis": "12: levels.warning.clear: raise and clear are both true at used = 90",
    "inverted-share": "13: levels.warning.clear: raise and clear are both true at swap = ",
    "key-twice": "4: title: the key 'title' stands here twice",
    "last-of-a-model": "8: signals.risk: 'model.hdd' has no take: last; write take: model_risk or take: model_limit",
    "limit-of-itself-unknown": "11: levels.warning.raise.used.at_least.signal: there is no signal 'limit' in this rule",
    "missing-explain": "1: the key 'explain' is missing; add explain: what a ticket says",
    "mixed-components": "7: signals: signals of different components: used is of a device, full is of a filesystem",
    "model-of-a-metric": "8: signals.risk: take: model_risk is of a model; write metric: model.hdd",
    "never-raised": "11: levels.warning.raise: nothing can make the raise condition true",
    "no-such-model": "8: signals.risk.metric: there is no model of ssd: there is no history to train one from",
    "no-test": "1: there is no test no-test.test.yaml beside it; write one raising and one calm case",
    "not-a-mapping": "1: the file is not a mapping of keys to values",
    "other-file-name": "2: id: the file is not called another-name.yaml",
    "peers-by-unknown-label": "8: signals.used.peers: peers of a device do not go by 'sites'; did you mean site?",
    "peers-missing": "8: signals.used: take: distance_from_peers needs to know its peers; add peers: [model, firmware]",
    "peers-of-a-mean": "8: signals.used: take: mean has no peers; take it out",
    "probability-above-one": "12: levels.warning.forecast.probability: expected a number <= 1.0 (found 12)",
    "probability-of-no-signal": "12: levels.warning.forecast.probability_signal: 'used' is not a signal of take",
    "quantile-above-one": "8: signals.used.quantile: expected a number < 1.0 (found 90)",
    "quantile-of-a-mean": "8: signals.used: take: mean has no quantile; take it out",
    "reach-missing": "8: signals.used: take: hours_until needs to know what to reach",
    "share-of-nothing": "12: levels.warning.raise.used.at_least.times: this is not a factor (found 0); write which",
    "unknown-comparison": "11: levels.warning.raise.used.more_than: there is no comparison 'more_than'; known",
    "unknown-fault": "17: ticket.fault: there is no fault class 'disk-failur'; did you mean disk-failure?",
    "unknown-ticket-kind": "17: ticket.kind: 'forecast' is not a choice here; choose of prediction, fact",
    "unknown-key": "3: titel: there is no key 'titel' here; did you mean title?",
    "unknown-label": "6: scope.where.disk_kind: there is no label 'disk_kind' on a device",
    "unknown-label-pattern": "6: scope.where.model_like: there is no label 'model' on a device; known are device",
    "unknown-level": "10: levels.alarm: 'alarm' is not a choice here; choose of watch, warning, critical",
    "unknown-metric": "8: signals.used.metric: there is no metric 'memory.used_pct'; did you mean memory.used_percent?",
    "unknown-placeholder": "14: explain.what: there is no signal or label {usage}; known are used, device",
    "unknown-signal": "12: levels.warning.clear.usage: there is no signal 'usage' in this rule; did you mean used?",
    "unless-always": "13: levels.warning.clear: nothing can make the raise condition true",
    "unless-unknown": "12: levels.warning.unless.swap: there is no signal 'swap' in this rule; known are used",
    "window-missing": "8: signals.used: take: growth needs a window; add window: 7d",
    "window-not-whole-bins": "8: signals.used.window: a window of 7 h is not cut into whole bins of 2 h",
    "wrong-bits": "11: levels.warning.raise.used.any_bit: these are not bits (found ['bit0'])",
    "wrong-schema": "1: schema: schema 2 is not known; this forewarn reads 1",
    "wrong-scope": "6: scope.per: metrics of a device are judged per device (found ['device', 'disk'])",
    "wrong-type": "16: explain.do: expected a list [...], not text (found 'Find the program that grows.')",
    "yaml-syntax": "6: not YAML: expected ',' or ']', but got '}'",
}


def problems_of(directory: Path) -> list[str]:
    with pytest.raises(RuleFileErrors) as caught:
        load_rules(builtin=False, directories=[directory])
    return [str(problem) for problem in caught.value.problems]


def test_every_bad_file_is_listed() -> None:
    assert {path.stem for path in BAD.glob("*.yaml")} == set(MESSAGES)


@pytest.mark.parametrize("mistake", sorted(MESSAGES))
def test_a_mistake_has_its_message(mistake: str, tmp_path: Path) -> None:
    directory = tmp_path / "rules"
    directory.mkdir()
    shutil.copy(BAD / f"{mistake}.yaml", directory)
    if mistake != "no-test":
        (directory / f"{mistake}.test.yaml").write_text(TEST.format(rule=mistake))
    found = problems_of(directory)
    assert any(problem.startswith(f"rules/{mistake}.yaml:{MESSAGES[mistake]}") for problem in found), found


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    for mistake in ("bad-duration", "unknown-metric", "wrong-type"):
        shutil.copy(BAD / f"{mistake}.yaml", tmp_path)
        (tmp_path / f"{mistake}.test.yaml").write_text(TEST.format(rule=mistake))
    found = "\n".join(problems_of(tmp_path))
    assert all(MESSAGES[mistake] in found for mistake in ("bad-duration", "unknown-metric", "wrong-type"))


def good_rule(directory: Path, rule: str, test: str = TEST) -> None:
    directory.mkdir(exist_ok=True)
    text = (BAD / "no-test.yaml").read_text().replace("no-test", rule)
    (directory / f"{rule}.yaml").write_text(text)
    (directory / f"{rule}.test.yaml").write_text(test.format(rule=rule))


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    good_rule(tmp_path / "one", "memory-full")
    good_rule(tmp_path / "two", "memory-full")
    with pytest.raises(RuleFileErrors) as caught:
        load_rules(builtin=False, directories=[tmp_path / "one", tmp_path / "two"])
    assert "two/memory-full.yaml:2: id: the id 'memory-full' is taken" in str(caught.value)


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (TEST.replace("level: warning", "level: none"), "3: cases: no case raises a level"),
        (TEST.replace("level: none", "level: warning"), "3: cases: no case stays calm"),
        (TEST.replace("'50'", "x").replace('"50"', '"5 to 9"'), "'to' is not part of a series"),
        (TEST.replace("step: 1m", "step: 0s"), "2: step: a step takes time"),
        (TEST.replace("rule: {rule}", "rule: another"), "1: rule: the rule beside it is 'memory-full'"),
        (TEST.replace("series:", "serie:"), "there is no key 'serie' here; did you mean series?"),
    ],
)
def test_a_bad_test_file_is_a_mistake(test: str, message: str, tmp_path: Path) -> None:
    good_rule(tmp_path / "rules", "memory-full", test)
    found = problems_of(tmp_path / "rules")
    assert any(problem.startswith("rules/memory-full.test.yaml:") and message in problem for problem in found), found


def test_what_is_there_for_nothing(tmp_path: Path) -> None:
    good_rule(tmp_path / "rules", "memory-full")
    (tmp_path / "rules" / "gone.test.yaml").write_text(TEST.format(rule="gone"))
    (tmp_path / "rules" / "other.yml").write_text("schema: 1\n")
    found = "\n".join(problems_of(tmp_path / "rules"))
    assert "there is no rule gone.yaml beside this test" in found
    assert "call it other.yaml" in found


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    assert "this is not a directory" in problems_of(tmp_path / "nowhere")[0]


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read: it is not UTF-8 text" in problems_of(tmp_path)[0]


def test_own_rules_join_the_built_in_ones_and_some_can_be_left_out(tmp_path: Path) -> None:
    good_rule(tmp_path / "rules", "memory-full")
    rules = load_rules(directories=[tmp_path / "rules"], without=["device-silent"])
    ids = [rule.id for rule in rules]
    assert "memory-full" in ids
    assert "filesystem-full" in ids
    assert "device-silent" not in ids
    with pytest.raises(RuleFileErrors, match="did you mean device-silent"):
        load_rules(without=["device-silnt"])
