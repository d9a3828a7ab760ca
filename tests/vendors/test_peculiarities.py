"""What one vendor does and no other: sessions that end, answers that come late, web-hooks, fields for the end."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from vendors import cases
from vendors.cases import Case
from vendors.strict import lose_the_reply, refuse

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Unreachable
from forewarn_collector.tickets.push import Push
from forewarn_collector.tickets.systems import adf, pagerduty_incidents, plain, wording
from forewarn_collector.tickets.systems.interface import Hint, HookRefused, HookRequest
from forewarn_collector.tickets.trial import run_trial

Bench = Callable[..., Any]
CASES: dict[str, Case] = {case.kind: case for case in (*cases.SYSTEMS, *cases.ALERTING, cases.OSTICKET)}
SECRET = "s3cret-of-the-hook"


def test_glpi_ends_sessions_when_it_likes(make_bench: Bench) -> None:
    bench = make_bench(CASES["glpi"])
    number = bench.finds().number
    bench.send()
    bench.server.sessions.clear()
    bench.desk.act(number, "acknowledge", "Li Wei")
    bench.send()
    assert bench.seen()[0] == 2
    logins = [one for one in bench.server.asked if one.path.endswith("/initSession")]
    assert len(logins) == 2


def test_halo_takes_tokens_back(make_bench: Bench) -> None:
    bench = make_bench(CASES["halopsa"])
    number = bench.finds().number
    bench.send()
    bench.server.tokens.clear()
    bench.desk.act(number, "acknowledge", "Li Wei")
    bench.send()
    assert bench.seen()[0] == 2
    assert len([one for one in bench.server.asked if one.path == "/auth/token"]) == 2


def test_freshdesk_does_not_find_what_is_new(make_bench: Bench) -> None:
    """Search knows a ticket only some minutes later; then it is found however many came after it."""
    bench = make_bench(CASES["freshdesk"])
    key = wording.dedup_key(bench.finds())
    bench.send()
    assert bench.system.find(key).key == key
    bench.server.indexed.add("1")
    asked = len(bench.server.asked)
    assert bench.system.find(key).key == key
    assert [one.path for one in bench.server.asked[asked:]] == ["/api/v2/search/tickets"]


def test_freshdesk_tells_in_pages(make_bench: Bench) -> None:
    bench = make_bench(CASES["freshdesk"])
    bench.finds()
    bench.send()
    for number in range(105):
        bench.server.person_notes("1", f"part {number} is ordered")
    assert bench.exchange.look(Hint(id="1"))
    assert bench.ticket().timeline[-1].text == "part 104 is ordered"


def test_what_osticket_may_have_made_is_not_made_again_by_a_restart(make_bench: Bench, wait_for: Any) -> None:
    bench = make_bench(CASES["osticket"])
    bench.finds()
    bench.server.on_create.append(lose_the_reply)
    for _ in range(2):
        push = Push(bench.engine, [bench.destination], lambda: bench.now)
        push.start()
        wait_for(lambda push=push: push.outbox.summary() == {"parked": 1}, 60)
        push.stop()
    assert len(bench.server.kept) == 1
    assert push.outbox.retry("osticket") == 1, "a person has looked, and there is none"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_tried_out(make_bench: Bench, case: Case) -> None:
    """What ``forewarn destination test`` does, through the delivery loop."""
    bench = make_bench(case)
    push = Push(bench.engine, [bench.destination], lambda: bench.now)
    push.start()
    try:
        steps = run_trial(push.outbox, case.kind, push.wake, bench.now)
    finally:
        push.stop()
    assert [(step.event, step.error) for step in steps] == [("opened", ""), ("closed", "")]
    assert bench.seen()[0] in (case.states.get("resolved", "open"), 5, 9, "Closed")


@pytest.mark.parametrize("kind", ["glpi", "freshdesk", "autotask", "halopsa", "osticket"])
def test_a_word_where_a_number_is_asked_for(make_bench: Bench, kind: str) -> None:
    bench = make_bench(CASES[kind], priorities={"warning": "rather high"})
    bench.finds()
    error = bench.trouble()
    assert error.permanent
    assert "must be a number, not 'rather high'" in str(error)


def test_servicenow_wants_a_close_code_and_a_reason_to_wait(make_bench: Bench) -> None:
    bench = make_bench(CASES["servicenow"], options={"user": "forewarn", "close_code": "Workaround provided"})
    number = bench.finds().number
    bench.send()
    bench.desk.act(number, "wait", "Li Wei", waiting_for="vendor")
    bench.send()
    (kept,) = bench.server.kept.values()
    assert (kept.fields["state"], kept.fields["hold_reason"]) == ("3", "4")
    bench.desk.act(number, "close", "Li Wei", outcome="replaced-in-time")
    bench.send()
    assert (kept.fields["state"], kept.fields["close_code"]) == ("6", "Workaround provided")
    assert kept.fields["close_notes"] == f"forewarn: {life.OUTCOMES['replaced-in-time']}"


def test_zammad_wants_a_time_for_what_waits(make_bench: Bench) -> None:
    bench = make_bench(CASES["zammad"])
    number = bench.finds().number
    bench.send()
    bench.desk.act(number, "wait", "Li Wei", waiting_for="part")
    bench.send()
    assert bench.seen()[0] == "pending reminder"


def test_jira_says_which_ways_its_workflow_has(make_bench: Bench) -> None:
    bench = make_bench(CASES["jira"], states={"resolved": "Fixed"})
    number = bench.finds().number
    bench.send()
    bench.desk.act(number, "resolve", "Li Wei")
    error = bench.trouble()
    assert error.permanent
    assert str(error) == "no transition leads from 'To Do' to 'Fixed'; there are: Done, In Progress"


def test_connectwise_and_autotask_know_whose_the_device_is(make_bench: Bench, tmp_path: Any) -> None:
    for kind, company in (("connectwise", "AcmeCo"), ("autotask", 174), ("halopsa", 12)):
        (tmp_path / kind).mkdir()
        bench = make_bench(CASES[kind], tmp_path / kind)
        bench.finds()
        bench.send()
        (kept,) = bench.server.kept.values()
        assert company in kept.fields.values()
    assert plain.by_customer("Acme=174; Beta = 1=2; 9", "Beta = 1") == "2"
    assert plain.by_customer("Acme=174; 9", "Nobody") == "9"
    assert plain.by_customer("Acme=174", "Nobody") == ""


def test_autotask_tells_its_threshold_like_a_wrong_body(make_bench: Bench) -> None:
    bench = make_bench(CASES["autotask"])
    bench.finds()
    full = {"errors": ["You have exceeded the external request threshold for your database"]}
    bench.server.mishaps.append(refuse(500, body=full))
    error = bench.trouble()
    assert not error.permanent
    assert error.retry_after == 300


def test_an_opsgenie_alert_that_somebody_closed_needs_no_acknowledgement(make_bench: Bench) -> None:
    bench = make_bench(CASES["opsgenie"])
    number = bench.finds().number
    bench.send()
    bench.server.kept["1"].fields["state"] = "closed"
    bench.desk.act(number, "acknowledge", "Li Wei")
    bench.send()
    assert [kept.fields["state"] for kept in bench.server.kept.values()] == ["closed"]


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie", "jsm-operations", "servicenow-events"])
def test_an_update_opens_nothing_again(make_bench: Bench, kind: str) -> None:
    bench = make_bench(CASES[kind])
    number = bench.finds().number
    bench.send()
    kept = bench.server.kept["1"].fields
    kept["state"] = "resolved" if kind == "pagerduty" else "closed"
    bench.desk.note(number, "Li Wei", "looked at it")
    bench.finds(rule="disk-reallocated")
    bench.send()
    bench.now += 2 * 86_400
    bench.desk.record(None, [], [])
    bench.send()
    assert bench.ticket().timeline[-1].text.startswith("one more change: disk-reallocated")
    assert len(bench.server.kept) == 1


def test_pagerduty_shows_an_incident_only_later(make_bench: Bench) -> None:
    bench = make_bench(CASES["pagerduty-incidents"])
    bench.finds()
    bench.server.late = 3
    bench.send()
    assert bench.seen() == ("triggered", "warning")


def test_a_pagerduty_incident_that_is_never_shown(make_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagerduty_incidents, "BETWEEN_SECONDS", 0.01)
    bench = make_bench(CASES["pagerduty-incidents"])
    bench.finds()
    bench.server.late = 1_000
    error = bench.trouble()
    assert not error.permanent
    bench.server.late = 0
    bench.now += error.retry_after
    bench.send()
    assert len(bench.server.kept) == 1


def test_a_fault_that_comes_back_is_a_new_pagerduty_incident(make_bench: Bench) -> None:
    bench = make_bench(CASES["pagerduty-incidents"])
    for levels in ("none -> warning", "warning -> none", "none -> warning"):
        bench.finds(levels)
        bench.send()
    assert [kept.fields["state"] for kept in bench.server.kept.values()] == ["resolved", "triggered"]
    bench.desk.act(bench.ticket().number, "acknowledge", "Li Wei")
    bench.send()
    assert [kept.fields["state"] for kept in bench.server.kept.values()] == ["resolved", "acknowledged"]


def test_a_wrong_token_for_reading(make_bench: Bench) -> None:
    bench = make_bench(CASES["pagerduty-incidents"], api_token="wrong-rest-token")
    bench.finds()
    error = bench.trouble()
    assert isinstance(error, Unreachable)
    assert "wrong-rest-token" not in str(error)
    assert bench.server.kept == {}


def signed(header: str, algorithm: str, prefix: str, body: dict[str, Any]) -> HookRequest:
    content = json.dumps(body).encode()
    made = hmac.new(SECRET.encode(), content, getattr(hashlib, algorithm)).hexdigest()
    return HookRequest({header: prefix + made}, content, SECRET)


# The events are shortened from the vendors' documentation.
HOOKS = {
    "jira": ("x-hub-signature", "sha256", "sha256=", {
        "webhookEvent": "jira:issue_updated", "user": {"accountId": "li-wei"}, "issue": {"id": "10001", "key": "OPS-1"},
        "changelog": {"items": [{"field": "status", "fromString": "To Do", "toString": "Done"}]},
    }, Hint(id="OPS-1")),
    "zammad": ("x-hub-signature", "sha1", "sha1=", {
        "ticket": {"id": 81, "number": "10081", "state": "closed"}, "article": {"id": 104, "internal": True},
    }, Hint(id="81")),
    "pagerduty-incidents": ("x-pagerduty-signature", "sha256", "v1=0000,v1=", {
        "event": {
            "id": "01BVPT", "event_type": "incident.acknowledged", "resource_type": "incident",
            "data": {"id": "Q1", "type": "incident", "status": "acknowledged", "incident_key": "fw-1-0f3a"},
        },
    }, Hint(id="fw-1-0f3a")),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOOKS)
def test_a_hook_is_believed_when_it_is_signed(make_bench: Bench, kind: str) -> None:
    system = make_bench(CASES[kind]).system
    header, algorithm, prefix, body, hint = HOOKS[kind]
    good = signed(header, algorithm, prefix, body)
    assert list(system.parse_hook(good)) == [hint]
    for bad in (
        good._replace(secret="another"),
        good._replace(body=good.body + b" "),
        good._replace(headers={}),
        good._replace(headers={header: ""}),
        signed(header, algorithm, prefix, {"nothing": "of that"}),
        signed(header, algorithm, prefix, {"ticket": 7, "issue": "OPS-1", "event": []}),
    ):
        with pytest.raises(HookRefused) as refused:
            system.parse_hook(bad)
        assert SECRET not in str(refused.value)


def test_a_pagerduty_hook_about_a_note(make_bench: Bench) -> None:
    data = {"id": "P1", "type": "incident_note", "content": "on my way", "incident": {"incident_key": "fw-1-0f3a"}}
    body = {"event": {"event_type": "incident.annotated", "data": data}}
    system = make_bench(CASES["pagerduty-incidents"]).system
    assert list(system.parse_hook(signed("x-pagerduty-signature", "sha256", "v1=", body))) == [Hint(id="fw-1-0f3a")]


@pytest.mark.parametrize("kind", ["servicenow", "glpi", "freshdesk", "connectwise", "autotask", "halopsa"])
def test_hooks_of_others_are_not_believed(make_bench: Bench, kind: str) -> None:
    with pytest.raises(HookRefused):
        make_bench(CASES[kind]).system.parse_hook(HookRequest({}, b"{}", SECRET))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>one</p><p>two<br>three</p>", "one\n\ntwo\nthree"),
        ("<div>a &amp; b</div><div>&lt;c&gt;</div>", "a & b\n\n<c>"),
        ("plain", "plain"),
        ("", ""),
        ("<ul><li>first</li><li>second</li></ul>", "first\n\nsecond"),
    ],
)
def test_what_a_person_reads_in_html(content: str, text: str) -> None:
    assert plain.text_of(content) == text


def test_text_comes_back_from_html_and_from_jira_s_documents() -> None:
    text = "Li Wei: <b> & 磁盘\nsecond line\n\n(forewarn 1/3i)"
    assert plain.text_of(plain.html_of(text)) == text
    assert adf.words(adf.document(text)) == text
    assert wording.is_ours(plain.text_of(plain.html_of(text)))


def test_a_note_that_is_too_long_is_still_known_as_ours() -> None:
    text = "Li Wei: " + "long " * 100 + "\n\n" + wording.mark(1, 3, public=False)
    cut = plain.fit_note(text, 120)
    assert len(cut) <= 120
    assert wording.is_ours(cut)
    assert plain.fit_note(text, 10_000) == text


def test_a_title_that_ends_with_its_key() -> None:
    keyed = plain.keyed("x" * 300, "fw-1-0f3a", 100)
    assert len(keyed) == 100
    assert plain.key_in(keyed) == "fw-1-0f3a"
    assert plain.key_in("Re: nothing [of that]") == ""
    assert plain.key_in("[fw-1-0f3a] in front") == ""
