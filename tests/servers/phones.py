"""Desk and phones on one database, with robots that answer as their vendors do and a clock that the test sets."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from forewarn_collector.directory import Whose
from forewarn_collector.language.explanation import Explanation, explain
from forewarn_collector.notify import rows
from forewarn_collector.notify.config import Engineer, Notify
from forewarn_collector.notify.contacts import KnownContacts
from forewarn_collector.notify.model import Notification
from forewarn_collector.notify.senders.dingtalk import DingTalk
from forewarn_collector.notify.senders.feishu import Feishu
from forewarn_collector.notify.senders.robot import Robot
from forewarn_collector.notify.senders.sender import Sender
from forewarn_collector.notify.senders.wecom import WeCom
from forewarn_collector.notify.switchboard import Switchboard
from forewarn_collector.people.escalator import Escalator
from forewarn_collector.people.register import Register
from forewarn_collector.store.postgres_server import Server
from forewarn_collector.store.state import open_state
from forewarn_collector.tickets.desk import Desk
from forewarn_collector.tickets.model import Ticket
from forewarn_collector.tickets.parts import Part
from forewarn_rules import Change
from forewarn_rules import Kind as Component

DIALECTS: dict[str, Any] = {"dingtalk": DingTalk, "wecom": WeCom, "feishu": Feishu}
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC).timestamp()


def at(clock: str) -> float:
    hours, minutes = clock.split(":")
    return MIDNIGHT + 3600 * int(hours) + 60 * int(minutes)


def disk(number: int = 1, customer: str = "Acme", engineer: str = "Ann") -> Part:
    return Part(f"pos-{number}", f"MB-{number}", f"WD-{number}", Whose(customer, "Store 1", engineer))


def explained(ticket: Ticket, language: str) -> Explanation:
    return explain(ticket, {}, language)


class House:
    """Desk and phones on one database, with a clock that the test sets."""

    def __init__(
        self, path: Path | Server, make_robot: Callable[..., Any], secret: str, wait_for: Callable[..., None]
    ) -> None:
        self.engine = open_state(path)
        self.now = at("14:00")
        self.secret = secret
        self.make_robot = make_robot
        self.wait_for = wait_for
        self.desk = Desk(self.engine, (), lambda: self.now)
        self.boards: list[Switchboard] = []

    def robot(self, vendor: str = "dingtalk") -> Any:
        return self.make_robot(vendor, lambda: self.now)

    def sender(self, name: str, robot: Any, per_minute: int = 20) -> Sender:
        secret = None if robot.vendor == "wecom" else self.secret
        return Robot(name, per_minute, DIALECTS[robot.vendor](), robot.url, secret, lambda: self.now)

    def board(self, engineers: list[Engineer], *senders: Sender, **settings: Any) -> Switchboard:
        notify = Notify(engineers=engineers, **settings)
        found = Switchboard(self.engine, notify, senders, KnownContacts(notify), explained, lambda: self.now)
        self.desk.announcer.hearers[1:] = [found.hearing.hear]
        self.desk.on_assigned = found.notifier.give
        self.desk.wake_push = found.phones.wake
        self.escalator = Escalator(
            self.engine, Register(self.engine, lambda: self.now), found.escalate, lambda: self.now
        )
        self.boards.append(found)
        found.phones.start()
        return found

    def change(self, part: Part, levels: str) -> None:
        self.found(part, levels)
        self.escalator.step()

    def found(self, part: Part, levels: str) -> None:
        before, after = levels.split(" -> ")
        change = Change(
            rule="pending", title=f"{part.part_serial} will fail", kind=Component.DISK,
            key=(part.device, part.part_serial), labels={}, at=self.now, before=before, after=after,
            text="12 sectors wait", why="", do=("replace it",),
            calm_when=(), values={}, forecast=None, fault="disk-failure", queue="storage", status="stable",
        )  # fmt: skip
        self.desk.record(None, [(change, part)], [])

    def log(self) -> list[Notification]:
        with self.engine.connect() as db:
            return rows.listing(db, limit=10_000)[::-1]

    def states(self) -> list[str]:
        return [item.state for item in self.log()]

    def until(self, *states: str) -> None:
        self.wait_for(lambda: self.states() == list(states), f"{states}")

    def stop(self) -> None:
        for board in self.boards:
            board.phones.stop()
        self.boards.clear()
