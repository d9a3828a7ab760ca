"""A judge that is busy: who asks it is told so, with what became of it."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from forewarn_collector.cli.main import forewarn
from forewarn_collector.judge.asked import Asked, Busy


def test_what_nobody_comes_to_is_not_done_later() -> None:
    asked, done = Asked(0.05), []
    with pytest.raises(Busy, match=r"did not come to it within 0\.05 s; nothing was done"):
        asked.ask(lambda: done.append(1), lambda: None)
    asked.answer()
    assert done == []


def test_what_is_begun_is_finished() -> None:
    asked, go_on, done = Asked(0.2), threading.Event(), []

    def job() -> None:
        go_on.wait(60)
        done.append(1)

    owners: list[threading.Thread] = []

    def wake() -> None:
        owners.append(threading.Thread(target=asked.answer))
        owners[0].start()

    with pytest.raises(Busy, match=r"not done within 0\.2 s; it goes on"):
        asked.ask(job, wake)
    go_on.set()
    owners[0].join(60)
    assert done == [1]


def test_an_error_is_that_of_the_one_who_asked() -> None:
    asked = Asked(60)
    with pytest.raises(ZeroDivisionError):
        asked.ask(lambda: 1 / 0, asked.answer)


@pytest.fixture
def busy(make_running: Callable[..., Any]) -> Iterator[Any]:
    """A collector whose judge is at something else."""
    running = make_running()
    running.take_a_good_report(name="shop-07")
    judge, go_on = running.collector.judge.judge_of("shop-07"), threading.Event()
    begun = threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(60)

    other = threading.Thread(target=lambda: judge._asked.ask(work, judge.wake))
    other.start()
    assert begun.wait(60)
    judge._asked._patience_seconds = 0.1
    yield running
    go_on.set()
    other.join(60)


def test_the_command_line_says_that_the_judge_is_busy(busy: Any) -> None:
    began = time.monotonic()
    words = ["--data", str(busy.data), "rules", "explain", "cpu-throttling", "--device", "shop-07"]
    result = CliRunner().invoke(forewarn, words)
    assert result.exit_code == 1
    assert "the judge is busy and did not come to it within 0.1 s; nothing was done: try again" in result.stderr
    assert time.monotonic() - began < 30
