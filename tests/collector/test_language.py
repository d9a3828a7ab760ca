"""Tickets in English and Chinese: the catalogue is whole, and what a rule saw is said in both."""

import re
import string
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from forewarn_collector.language.catalogue import LANGUAGES, catalogue, nearest
from forewarn_collector.language.explanation import Explanation, explain
from forewarn_collector.language.messages import file_of, template, update
from forewarn_collector.language.spelling import date, duration, share
from forewarn_collector.language.texts import BRING, HEADINGS
from forewarn_collector.tickets.model import Evidence, Ticket
from forewarn_collector.tickets.site_words import site_words
from forewarn_rules import FAULTS, Rule, RuleSet, load_rules
from forewarn_rules.explain import Template, parse_template
from forewarn_rules.model_signals import because

DAY = 86_400.0
NOON = 1_780_000_000.0
CLAUSE = re.compile(r"\[[^\[\]]*\{[^\[\]]*\]")
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules()


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    with file_of("zh").open("rb") as opened:
        return [message for message in read_po(opened, locale="zh") if message.id]


def placeholders(text: str) -> list[str]:
    return sorted(f"{name}:{spec}" for _, name, spec, _ in string.Formatter().parse(text) if name is not None)


def test_the_catalogue_holds_every_message_and_no_other(messages: list[Message]) -> None:
    wanted = {str(message.id) for message in template() if message.id}
    assert len(wanted) > 400
    assert {str(message.id) for message in messages} == wanted


def test_every_message_is_translated(messages: list[Message]) -> None:
    assert [message.id for message in messages if not message.string or message.fuzzy] == []
    untranslated = [message.id for message in messages if not CHINESE.search(str(message.string))]
    assert untranslated == []


def test_every_translation_keeps_the_placeholders(messages: list[Message]) -> None:
    """And which of them stand in a clause that is left out when they are not known."""
    for message in messages:
        id_, text = str(message.id), str(message.string)
        assert placeholders(CLAUSE.sub("", text)) == placeholders(CLAUSE.sub("", id_)), id_
        clauses = [sorted(placeholders(one) for one in CLAUSE.findall(both)) for both in (id_, text)]
        assert clauses[0] == clauses[1], id_


def test_the_catalogue_is_as_the_command_writes_it(messages: list[Message]) -> None:
    before = file_of("zh").read_bytes()
    update("zh")
    assert file_of("zh").read_bytes() == before


def texts_of(rule: Rule) -> list[Template]:
    return [rule.what, rule.why, *rule.do, *rule.calm_when, rule.cleared]


def test_every_text_of_a_rule_can_be_said_in_chinese(rules: RuleSet) -> None:
    say = catalogue("zh").gettext
    for rule in rules:
        units = {name: signal.unit for name, signal in rule.signals.items()}
        labels = re.findall(r"\{(\w+)\}", " ".join(one.text for one in texts_of(rule)))
        for one in texts_of(rule):
            assert parse_template(say(one.text), units, labels)[1] == [], rule.id


def make_ticket(rule: Rule, labels: dict[str, Any], values: dict[str, Any], **more: Any) -> Ticket:
    """As the desk writes it down when the rule speaks."""
    numbers = {name: float(value) for name, value in values.items() if isinstance(value, float)}
    known = {name: numbers.get(name, float("nan")) for name in rule.signals}
    units = {name: signal.unit for name, signal in rule.signals.items()}
    say = [one.render(labels, known, units) for one in texts_of(rule)]
    many = len(rule.do)
    explanation = {
        "what": say[0], "why": say[1], "do": say[2 : 2 + many], "calm_when": say[2 + many : -1],
        "said": {"rule": rule.id, "labels": labels, "values": values},
    }  # fmt: skip
    said = Evidence(rule.id, "disk:S3Z1", "warning", NOON, say[0], {})
    told: dict[str, Any] = {
        "title": rule.title, "fault": rule.fault, "severity": "warning", "explanation": explanation,
        "probability": None, "within_seconds": None, "evidence": [said],
    }  # fmt: skip
    fixed: dict[str, Any] = {
        "number": 7, "customer": "Acme", "site": "Store 12", "engineer": "", "device": "shop-07",
        "device_serial": "MB-1", "part_serial": "S3Z1", "queue": "storage", "state": "open", "opened_at": NOON,
        "recorded_at": NOON, "updated_at": NOON, "acknowledged_at": None, "resolved_at": None, "closed_at": None,
        "owner": "", "waiting_for": "", "outcome": None,
    }  # fmt: skip
    return Ticket(**(fixed | told | more))


def lines(said: Explanation) -> dict[str, list[str]]:
    return {section.name: section.lines for section in said.sections}


DISK = {"slot": "/dev/sda", "model": "ST4000DM000", "serial": "S3Z1", "device": "shop-07"}


def test_a_prediction_in_both_languages(rules: RuleSet) -> None:
    rule = rules["ata-ssd-life-used"]
    values = {"used": 91.0, "hours_left": 1440.0, "soonest": None}
    ticket = make_ticket(rule, DISK, values, within_seconds=30 * DAY, probability=0.12)
    by_id = {one.id: one for one in rules}
    english, chinese = explain(ticket, by_id, "en"), explain(ticket, by_id, "zh")
    assert english.title == "The SSD's own life counter runs out"
    assert lines(english) == {
        "what": [
            "SSD /dev/sda (ST4000DM000, serial S3Z1) on shop-07 has used 91 % of its life by its own count; at the"
            " pace of the last 90 days the rest lasts 60 days.",
            "The disk's rated endurance runs out.",
        ],
        "why": [ticket.explanation["why"]],
        "when": ["Within 30 days, so by June 27, 2026.", "The probability was measured: 12 %."],
        "do": ticket.explanation["do"],
        "bring": [
            "A disk of the same kind and at least the same size: ST4000DM000.",
            "The serial number of the disk to take out: S3Z1, in /dev/sda.",
        ],
        "calm_when": ticket.explanation["calm_when"],
    }
    assert chinese.title == "固态硬盘自身的寿命计数即将耗尽"
    assert [section.heading for section in chinese.sections][:3] == ["发现了什么", "为什么重要", "何时之前"]
    assert lines(chinese)["what"] == [
        "shop-07 上的固态硬盘 /dev/sda（ST4000DM000，序列号 S3Z1）按其自身计数已用去 91 % 的寿命；按最近 90 天的速度，"
        "剩余部分可用 60 天。",
        "磁盘的额定寿命即将用尽。",
    ]
    assert lines(chinese)["when"] == ["30 天之内，即 2026年6月27日之前。", "概率是测量得出的：12%。"]


def test_the_signs_of_the_risk_model_are_translated_too(rules: RuleSet) -> None:
    rule = rules["hdd-risk"]
    values = {"risk": 0.31, "ata.197.raw": 16.0, "ata.197.raw growth 7d": 8.0, "ata.198.raw": 0.0}
    known = {name: float(values.get(name, float("nan"))) for name in {*rule.signals, *values}}
    english = {**DISK, **because(rule.signals, known)}
    what = rule.what.render(english, known, {name: signal.unit for name, signal in rule.signals.items()})
    said = {"rule": rule.id, "labels": DISK, "values": values}
    explanation = {"what": what, "why": rule.why.text, "do": [], "calm_when": [], "said": said}
    ticket = make_ticket(rule, DISK, {}, explanation=explanation)
    (first, _) = lines(explain(ticket, {rule.id: rule}, "zh"))["what"]
    signs = "待处理或离线不可纠正的扇区 (197, 198) 16, 7 天内新增 8: 故障几率升至 "
    assert f"30 天内损坏的概率为 31.0%。迹象：{signs}" in first


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_says_what_to_bring(fault: str) -> None:
    assert fault in BRING


def test_what_a_rule_says_otherwise_now_stays_as_it_was_said(rules: RuleSet) -> None:
    rule = rules["device-silent"]
    ticket = make_ticket(rule, {"device": "shop-07"}, {"silent": 2 * DAY})
    told = ticket.explanation | {"why": "An older sentence."}
    ticket = make_ticket(rule, {"device": "shop-07"}, {"silent": 2 * DAY}, explanation=told)
    said = lines(explain(ticket, {rule.id: rule}, "zh"))
    assert said["what"][0] == "shop-07 已有 2 天没有任何消息。"
    assert said["why"] == ["An older sentence."]
    assert said["when"] == ["下次上门时：没有人知道还能维持多久。"]


def test_a_rule_of_the_provider_and_a_ticket_of_a_person_stay_in_their_own_words(rules: RuleSet) -> None:
    ticket = make_ticket(rules["device-silent"], {}, {}, title="Till 3 beeps", explanation={"what": "It beeps."})
    said = explain(ticket, {}, "zh")
    assert (said.title, lines(said)["what"][0]) == ("Till 3 beeps", "It beeps.")
    assert {section.name for section in said.sections} <= set(HEADINGS)


def test_a_site_that_is_offline(rules: RuleSet) -> None:
    words = site_words("Store 12", 4, 5)
    ticket = make_ticket(rules["device-silent"], {}, {}, **words)
    english, chinese = (explain(ticket, {}, language) for language in LANGUAGES)
    assert (english.title, chinese.title) == ("Site Store 12 is offline", "站点 Store 12 离线")
    assert lines(english)["what"][0] == words["explanation"]["what"]
    assert lines(chinese)["what"][0].startswith("站点 Store 12 没有任何消息：其 5 台设备中有 4 台")
    assert len(lines(chinese)["do"]) == len(words["explanation"]["do"])


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [(45, "45 s", "45 秒"), (1200, "20 min", "20 分钟"), (25_200, "7 h", "7 小时"), (12 * DAY, "12 days", "12 天")],
)
def test_times(seconds: float, english: str, chinese: str) -> None:
    assert (duration(seconds, "en"), duration(seconds, "zh")) == (english, chinese)


def test_dates_and_shares() -> None:
    assert (date(NOON, "en"), date(NOON, "zh")) == ("May 28, 2026", "2026年5月28日")
    assert (share(0.123, "en"), share(0.123, "zh")) == ("12 %", "12%")


@pytest.mark.parametrize(("wanted", "found"), [("en", "en"), ("zh", "zh"), ("zh_CN", "zh"), ("fr", "en")])
def test_the_nearest_language(wanted: str, found: str) -> None:
    assert nearest(wanted) == found


def test_a_language_that_there_is_not_is_english() -> None:
    assert catalogue("xx").gettext("What to do") == "What to do"


def test_the_package_holds_the_catalogues() -> None:
    assert [file for one in LANGUAGES if one != "en" if not (file := file_of(one)).is_file()] == []
    assert Path(file_of("zh")).suffix == ".po"
