"""What a broker grants in its CONNACK, and what is said of it."""

import pytest

from forewarn_collector.ingest.broker_terms import Needs, shortcomings

NEEDS = Needs(session_seconds=7 * 86_400, packet_bytes=262_144, group=False)
ENOUGH = {
    "MaximumQoS": 1, "RetainAvailable": 1, "WildcardSubscriptionAvailable": 1, "SharedSubscriptionAvailable": 1,
    "MaximumPacketSize": 262_144, "ReceiveMaximum": 10, "SessionExpiryInterval": 7 * 86_400, "ServerKeepAlive": 10,
}  # fmt: skip
TOO_LITTLE = {
    "no QoS 1": ({"MaximumQoS": 0}, "QoS 0 only"),
    "nothing retained": ({"RetainAvailable": 0}, "retain_available true"),
    "no wildcards": ({"WildcardSubscriptionAvailable": 0}, "no wildcard subscriptions"),
    "small packets": ({"MaximumPacketSize": 262_143}, "262,143 bytes, and devices may send 262,144"),
    "few on the way": ({"ReceiveMaximum": 9}, "9 unacknowledged messages"),
    "a short session": ({"SessionExpiryInterval": 7200}, "forgets the collector 2 h after it is gone"),
    "no session": ({"SessionExpiryInterval": 0}, "forgets the collector 0 s after it is gone"),
    "hasty": ({"ServerKeepAlive": 9}, "every 9 s"),
}


@pytest.mark.parametrize("granted", [{}, ENOUGH, {"ServerKeepAlive": 0, "ReasonString": "welcome"}])
def test_a_broker_that_grants_enough_or_says_nothing_is_good(granted: dict[str, int]) -> None:
    assert shortcomings(granted, NEEDS) == []


@pytest.mark.parametrize("case", TOO_LITTLE)
def test_each_thing_that_is_missing_is_a_sentence_with_a_remedy(case: str) -> None:
    granted, words = TOO_LITTLE[case]
    (said,) = shortcomings(ENOUGH | granted, NEEDS)
    assert words in said
    assert said.startswith("the broker ")
    assert ": allow" in said or ": raise" in said or ": let" in said


def test_shared_subscriptions_are_needed_by_a_group_only() -> None:
    granted = {"SharedSubscriptionAvailable": 0}
    assert shortcomings(granted, NEEDS) == []
    (said,) = shortcomings(granted, NEEDS._replace(group=True))
    assert "remove broker.group" in said


def test_several_are_said_at_once() -> None:
    assert len(shortcomings({"MaximumQoS": 0, "RetainAvailable": 0, "ReceiveMaximum": 1}, NEEDS)) == 3
