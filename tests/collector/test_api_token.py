"""The file by which the command line finds a collector: it holds the token that opens everything."""

import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forewarn_collector.api.server import leave_address, token_of


def test_the_data_directory_and_the_token_are_their_owner_s(make_running: Callable[..., Any]) -> None:
    data: Path = make_running().data
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "api.json").stat().st_mode) == 0o600


def test_the_token_is_readable_for_nobody_else_at_any_moment(tmp_path: Path) -> None:
    seen: set[int] = set()
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            for path in tmp_path.iterdir():
                try:
                    seen.add(stat.S_IMODE(path.stat().st_mode))
                except FileNotFoundError:
                    continue

    (tmp_path / "api.new").write_text("left by somebody")
    (tmp_path / "api.new").chmod(0o600)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for n in range(300):
            leave_address(tmp_path, "http://127.0.0.1:1", f"token {n}")
    finally:
        ended.set()
        watcher.join()
    assert seen == {0o600}
    assert [path.name for path in tmp_path.iterdir()] == ["api.json"]


@pytest.mark.parametrize("left", [None, "", "{", "[]", '{"token": 5}', '{"token": "short"}', "\udcff"])
def test_a_token_that_is_none_is_made_anew(tmp_path: Path, left: str | None) -> None:
    if left is not None:
        (tmp_path / "api.json").write_bytes(left.encode("utf-8", "surrogateescape"))
    first, second = token_of(tmp_path), token_of(tmp_path)
    assert len(first) >= 43
    assert first != second


def test_a_restart_keeps_the_token(tmp_path: Path) -> None:
    token = token_of(tmp_path)
    leave_address(tmp_path, "http://127.0.0.1:1", token)
    assert token_of(tmp_path) == token
