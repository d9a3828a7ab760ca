import pytest
from hypothesis import given
from hypothesis import strategies as st

from forewarn_wire import Topic, TopicError, device_name_problem, parse_topic, up_topic
from forewarn_wire.topics import DOWN_KINDS, RESERVED, UP_KINDS


@pytest.mark.parametrize("kind", UP_KINDS)
def test_up_topics_are_read_as_they_are_written(kind: str) -> None:
    assert up_topic("shop-07", kind) == f"forewarn/v1/shop-07/up/{kind}"
    assert parse_topic(up_topic("shop-07", kind)) == Topic("shop-07", "up", kind)


@pytest.mark.parametrize("kind", DOWN_KINDS)
def test_down_topics(kind: str) -> None:
    assert parse_topic(f"forewarn/v1/shop-07/down/{kind}") == Topic("shop-07", "down", kind)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "forewarn/v1/shop-07/up",
        "forewarn/v1/shop-07/up/load/more",
        "forewarn/v2/shop-07/up/load",
        "other/v1/shop-07/up/load",
        "/forewarn/v1/shop-07/up/load",
        "forewarn/v1/shop-07/up/config",
        "forewarn/v1/shop-07/down/load",
        "forewarn/v1/shop-07/sideways/load",
        "forewarn/v1/Shop-07/up/load",
        "forewarn/v1/+/up/load",
        "forewarn/v1//up/load",
        "forewarn/v1/collector/up/load",
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(topic)


@pytest.mark.parametrize("name", ["a", "7", "shop-07", "x" * 63, "a--b", "shop-"])
def test_device_names(name: str) -> None:
    assert device_name_problem(name) is None


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a b", "a_b", "a.b", "a/b", "a+", "#", "ä", "x" * 64, "a\n", "a\x00", "\u0661"]
)
def test_no_device_names(name: str) -> None:
    assert device_name_problem(name)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved_names(name: str) -> None:
    assert "reserved" in str(device_name_problem(name))


@given(st.text())
def test_any_text_is_a_topic_or_a_topic_error(text: str) -> None:
    try:
        topic = parse_topic(text)
    except TopicError:
        return
    assert device_name_problem(topic.device) is None
