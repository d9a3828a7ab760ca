"""The same rows of scenarios for every vendor that cannot run here, against a server that refuses what its
documentation refuses."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from vendors.cases import ALERTING, OSTICKET, SYSTEMS, Case
from vendors.strict import Reply, lose_the_reply, refuse

from forewarn_collector.tickets import life
from forewarn_collector.tickets.destination import Busy, Unreachable
from forewarn_collector.tickets.systems import wording
from forewarn_collector.tickets.systems.interface import Hint
from forewarn_collector.tickets.systems.kinds import KINDS

Bench = Callable[..., Any]


def each(*cases: Case) -> Any:
    return pytest.mark.parametrize("case", cases, ids=[case.kind for case in cases])


EVERYBODY = [*SYSTEMS, *ALERTING, OSTICKET]


@each(*EVERYBODY)
def test_made(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    assert bench.seen() == (case.states["open"], case.priorities["warning"])


@each(*SYSTEMS, *ALERTING)
def test_sent_twice_it_is_one(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    bench.again()
    assert len(bench.server.kept) == 1


@each(*EVERYBODY)
def test_a_lost_reply_makes_no_second_one(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.server.on_create.append(lose_the_reply)
    error = bench.trouble()
    assert not isinstance(error, Unreachable), "others may be delivered"
    assert len(bench.server.kept) == 1
    if case is OSTICKET:
        key = wording.dedup_key(bench.ticket())
        assert error.permanent, "nobody can look for it but a person"
        assert key in str(error)
        return
    assert not error.permanent
    bench.now += error.retry_after or 1
    bench.send()
    assert len(bench.server.kept) == 1
    assert bench.seen() == (case.states["open"], case.priorities["warning"])


@each(*SYSTEMS, *ALERTING)
def test_a_worse_severity_and_the_end(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    bench.finds("warning -> critical")
    bench.send()
    # Opsgenie only counts what comes again under an alias.
    assert bench.seen() == (case.states["open"], case.priorities.get("critical", case.priorities["warning"]))
    bench.finds("critical -> none")
    bench.send()
    assert bench.seen()[0] == case.states["resolved"]


@each(*[case for case in (*SYSTEMS, *ALERTING) if "acknowledged" in case.states])
def test_acknowledged_and_closed_here(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    number = bench.finds().number
    bench.send()
    bench.desk.act(number, "acknowledge", "Li Wei")
    bench.send()
    assert bench.seen()[0] == case.states["acknowledged"]
    bench.desk.act(number, "close", "Li Wei", outcome="replaced-in-time")
    bench.send()
    assert bench.seen()[0] in (case.states["resolved"], case.states.get("closed"), 5, 9, "Closed")
    assert len(bench.server.kept) == 1


@each(*SYSTEMS)
def test_notes_for_engineers_and_for_the_customer(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    number = bench.finds().number
    bench.send()
    bench.desk.note(number, "Li Wei", "the bay is hot <script>&\n磁盘")
    bench.desk.note(number, "Li Wei", "We come on Monday", "customer")
    bench.send()
    bench.again()
    (kept,) = bench.server.kept.values()
    told = [(text, public) for text, public in kept.notes if "Sectors" not in text and "Evidence" not in text]
    assert [public for _, public in told] == [False, case.kind != "pagerduty-incidents"], told
    assert "the bay is hot" in told[0][0]
    assert "磁盘" in told[0][0]
    assert "Monday" not in told[0][0]
    assert "We come on Monday" in told[1][0]


@each(*SYSTEMS)
def test_a_note_whose_reply_is_lost_stands_there_once(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    number = bench.finds().number
    bench.send()
    bench.desk.note(number, "Li Wei", "the bay is hot")
    (kept,) = bench.server.kept.values()
    before = len(kept.notes)

    def lose_a_note(asked: Any, answer: Callable[[], Any]) -> Any:
        reply = answer()
        if len(kept.notes) > before:
            return None
        bench.server.mishaps.append(lose_a_note)
        return reply

    bench.server.mishaps.append(lose_a_note)
    assert not bench.trouble().permanent
    bench.server.mishaps.clear()
    bench.send()
    assert len(kept.notes) == before + 1


@each(*SYSTEMS)
def test_what_is_done_there_is_seen_here(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    (kept,) = bench.server.kept.values()
    remote = bench.system.find(wording.dedup_key(bench.ticket()))
    assert remote is not None
    bench.server.person_notes(kept.id, "I took the wrong key & came back")
    assert bench.exchange.look(Hint(id=remote.id))
    entry = bench.ticket().timeline[-1]
    assert (entry.kind, entry.visibility) == ("note", "internal")
    assert entry.text == "I took the wrong key & came back"
    state = next(field for field in ("state", "status", "status_id") if field in kept.fields)
    closing = {"close_code": "Solution provided", "close_notes": "done"} if case.kind == "servicenow" else {}
    bench.server.person_does(kept.id, **{state: case.states["resolved"]}, **closing)
    assert bench.exchange.look(Hint(id=remote.id))
    assert bench.ticket().state == life.RESOLVED
    asked = len(bench.server.asked)
    bench.send()
    changed = [one for one in bench.server.asked[asked:] if one.method in ("PUT", "PATCH")]
    assert changed == [], "what was heard is not said back"


@each(*[case for case in SYSTEMS if KINDS[case.kind].polls])
def test_asked_what_was_changed(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.send()
    (remote,) = bench.system.poll(1_700_000_000.0)
    assert remote.key == wording.dedup_key(bench.ticket())
    assert bench.system.read(remote.id) == remote


@each(*SYSTEMS)
def test_deleted_there(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    number = bench.finds().number
    bench.send()
    bench.server.kept.clear()
    bench.desk.note(number, "Li Wei", "still there?")
    error = bench.trouble()
    assert error.permanent
    assert "deleted" in str(error)


@each(*SYSTEMS)
def test_who_answers(make_bench: Bench, case: Case) -> None:
    said = make_bench(case).system.check()
    assert "\n" not in said
    assert case.token not in said


@each(*EVERYBODY)
def test_a_wrong_token(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case, token="wrong-token-wrong-token-wrong-to")
    bench.finds()
    error = bench.trouble()
    # PagerDuty tells an unknown key like a body that it does not like.
    assert error.permanent if case.kind.startswith("pagerduty") else isinstance(error, Unreachable)
    assert "wrong-token" not in str(error)
    assert bench.server.kept == {}


@each(*EVERYBODY)
def test_asked_to_be_slower(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    bench.server.mishaps.append(refuse(429, {"Retry-After": "7"}))
    error = bench.trouble()
    assert isinstance(error, Busy)
    assert error.retry_after == 7
    bench.send()
    assert len(bench.server.kept) == 1


@each(*EVERYBODY)
def test_a_server_that_says_again_what_it_was_told(make_bench: Bench, case: Case) -> None:
    """All that it was sent, headers too, wherever our own words for it are cut off."""
    bench = make_bench(case)
    bench.finds()
    for length in range(60, 200, 10):
        told: list[str] = []

        def echo(asked: Any, _: Any, told: list[str] = told, length: int = length) -> Reply:
            told.append(asked.headers.get("authorization", ""))
            return Reply(400, ("x" * length + " ".join(asked.headers.values()) + asked.body.decode()).encode())

        bench.server.mishaps.append(echo)
        said = str(bench.trouble())
        encoded = [text.removeprefix("Basic ") for text in told if text.startswith("Basic ")]
        for secret in (case.token, *case.secrets.values(), *encoded):
            parts = [secret[start : start + 8] for start in range(len(secret) - 7)]
            assert not any(part in said for part in parts), said


@each(*SYSTEMS, *ALERTING)
def test_a_server_in_trouble(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case)
    bench.finds()
    for code in (500, 502, 503, 504):
        bench.server.on_create.append(refuse(code, body={"message": f"trouble with {case.token}"}))
        error = bench.trouble()
        assert not error.permanent, code
        assert not isinstance(error, Unreachable), code
        bench.now += error.retry_after or 1
    bench.send()
    assert len(bench.server.kept) == 1


@each(*EVERYBODY)
def test_nobody_there(make_bench: Bench, case: Case) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        bench = make_bench(case, url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
        bench.finds()
        assert isinstance(bench.trouble(), Unreachable)


@each(*EVERYBODY)
def test_a_word_that_the_vendor_does_not_know(make_bench: Bench, case: Case) -> None:
    bench = make_bench(case, **case.refused)
    bench.finds()
    error = bench.trouble()
    assert error.permanent, error
    assert str(error).startswith("HTTP 4") or case.kind == "autotask"
    assert bench.server.kept == {}
