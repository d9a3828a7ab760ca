"""How engineers are reached: by the directory file, and by the configuration where it names nobody."""

from datetime import time

from forewarn_collector.notify.config import Engineer, Notify
from forewarn_collector.notify.contacts import KnownContacts
from forewarn_collector.notify.model import Contact, Hours
from forewarn_collector.people.schema import Engineer as Listed

CONFIGURED = Notify(
    engineers=[
        Engineer(name="Ann", channels=["group"], quiet_hours="22:00-07:00", digest_at="08:30", mobile="138"),
        Engineer(name="Bob", urgent_channels=["sms"]),
    ]
)


def test_the_configuration_names_channels_and_hours() -> None:
    known = KnownContacts(CONFIGURED)
    hours = Hours(time(22, 0), time(7, 0))
    assert known.contact("Ann") == Contact("Ann", ("group",), (), "UTC", hours, time(8, 30), "138")
    assert known.contact("Bob") == Contact("Bob", (), ("sms",))
    assert known.contact("Zoe") is None


def test_the_directory_goes_before_where_it_has_channels() -> None:
    listed = {
        "Ann": Listed(name="Ann", channels=["pager"], time_zone="Asia/Shanghai", digest_at="23:59"),
        "Bob": Listed(name="Bob", mobile="139"),
        "Cho": Listed(name="Cho"),
    }
    known = KnownContacts(CONFIGURED, lambda: listed)
    assert known.contact("Ann") == Contact("Ann", ("pager",), (), "Asia/Shanghai", None, time(23, 59))
    assert known.contact("Bob") == Contact("Bob", (), ("sms",))
    assert known.contact("Cho") is None
    listed["Dan"] = Listed(name="Dan", channels=["pager"], language="zh_CN")
    assert known.contact("Dan") == Contact("Dan", ("pager",), language="zh")
    listed.pop("Ann")
    assert known.contact("Ann") is not None
    assert known.contact("Ann").channels == ("group",)  # type: ignore[union-attr]
