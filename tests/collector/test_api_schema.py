"""What the API answers is what its OpenAPI description says, whatever is asked."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from forewarn_collector.config import Api, Config, Listen
from forewarn_collector.ingest.accept import Publish, accept
from forewarn_wire import Attribute, Cpu, Disk, LoadReport, Outcome, SmartReport, encode, up_topic

schemathesis = pytest.importorskip("schemathesis")

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
SECONDS = 10.0
"""For each role."""


def one_device_and_one_ticket(collector: Any) -> None:
    now = time.time()
    disk = Disk(slot="/dev/sda", kind="hdd", serial="S1", model="ST4000")
    reports = {
        "load": LoadReport(device="0", boot="b", seq=1, sampled_at=now, cpu=Cpu(used_percent=7.0)),
        "smart": SmartReport(
            device="0", boot="b", seq=2, sampled_at=now, disk=disk, outcome=Outcome.MEASURED, passed=False,
            attributes=[Attribute(197, 100, 100, 0, 40)],
        ),
    }  # fmt: skip
    for kind, report in reports.items():
        collector.journal.commit([accept(Publish("listener", "0", up_topic("0", kind), encode(report), now))])
    collector.judge.wake()
    deadline = time.monotonic() + 20
    while not collector.desk.tickets():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, start_collector: Callable[..., Any]) -> Iterator[Any]:
    config = Config(listen=Listen(port=0), api=Api(port=0, requests_per_minute=1_000_000))
    running = start_collector(tmp_path_factory.mktemp("schema") / "data", config)
    one_device_and_one_ticket(running.collector)  # its name is one that a generator finds
    yield running
    running.stop()


def token_of(served: Any, role: str) -> str:
    local = json.loads((served.data / "api.json").read_text())["token"]
    if role == "local":
        return str(local)
    url, headers = f"{served.collector.api_url}/api/v1", {"Authorization": f"Bearer {local}"}
    customer = "unassigned" if role == "customer" else None
    body = {"name": role, "role": role, "customer": customer}
    assert httpx.post(f"{url}/users", json=body, headers=headers, trust_env=False).status_code == 201
    made = httpx.post(f"{url}/tokens", json={"user": role}, headers=headers, trust_env=False)
    return str(made.json()["token"])


@pytest.mark.slow
@pytest.mark.parametrize("role", ["local", "admin", "engineer", "customer", "nobody"])
def test_answers_conform_to_the_description(served: Any, role: str) -> None:
    """Generated from the description itself: values that fit and values that do not, for every operation."""
    url = served.collector.api_url
    local = {"Authorization": f"Bearer {token_of(served, 'local')}"}
    description = httpx.get(f"{url}/api/v1/schema/openapi.json", headers=local, trust_env=False).json()
    headers = {} if role == "nobody" else {"Authorization": f"Bearer {token_of(served, role)}"}
    operations = [found.ok() for found in schemathesis.openapi.from_dict(description).get_all_operations()]
    assert len(operations) >= 25
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    codes: set[int] = set()
    # A token that revoked itself would show little more.
    asked = [operation for operation in operations if not operation.path.endswith("/logout")]
    for operation in asked:
        ask(operation, url, headers, checks, codes, time.monotonic() + SECONDS / len(asked))
    assert codes >= {"local": {200, 400, 404}, "customer": {200, 403}, "nobody": {401}}.get(role, {200})
    assert not {code for code in codes if code >= 500}


def ask(operation: Any, url: str, headers: dict[str, str], checks: list[Any], codes: set[int], until: float) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=16, deadline=None, phases=[Phase.generate], database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case: Any) -> None:
        if time.monotonic() > until:
            return
        answer = case.call(base_url=url, headers=headers)
        codes.add(answer.status_code)
        case.validate_response(answer, checks=checks)

    check()
