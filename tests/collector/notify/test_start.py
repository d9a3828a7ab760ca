"""From the configuration to the senders: what a secret file must hold is said without telling what it holds."""

import subprocess
import sys
from pathlib import Path

import pytest

from forewarn_collector.notify.config import KINDS, Channel, Notify
from forewarn_collector.notify.senders.robot import Robot
from forewarn_collector.notify.start import make_senders
from forewarn_collector.start import StartError


def channel(path: Path, kind: str, url: str, secret: str | None = None) -> Notify:
    file = path / "channel.url"
    file.write_text(url + "\n")
    file.chmod(0o600)
    secret_file = None
    if secret is not None:
        secret_file = path / "channel.key"
        secret_file.write_text(secret)
        secret_file.chmod(0o600)
    one = Channel(name="group", kind=kind, url_file=str(file), secret_file=secret_file and str(secret_file))
    return Notify(channels=[one])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "apprise"])
def test_a_robot_of_every_kind(tmp_path: Path, kind: str) -> None:
    (sender,) = make_senders(channel(tmp_path, kind, "https://robot.example/hook?key=s3cret", "key"), lambda: 0.0)
    assert isinstance(sender, Robot)
    assert (sender.name, sender.per_minute) == ("group", 20)


def test_whatever_apprise_reaches(tmp_path: Path) -> None:
    (sender,) = make_senders(channel(tmp_path, "apprise", "ntfy://127.0.0.1/phones"), lambda: 0.0)
    assert sender.name == "group"


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        ("dingtalk", "", "not an http or https address"),
        ("dingtalk", "robot.example/s3cret", "not an http or https address"),
        ("wecom", "https://[::1/s3cret", "not an http or https address"),
        ("wecom", "https://robot.example/s3cret and more", "not an http or https address"),
        ("wecom", "https://robot.example/s3cret\nhttps://robot.example/s3cret", "not an http or https address"),
        ("feishu", "http://robot.example/s3cret", "it would go in plain text"),
        ("lark", "ftp://robot.example/s3cret", "not an http or https address"),
        ("apprise", "s3cret", "not an address that Apprise knows"),
        ("apprise", "dingtalk://s3cret", "needs a channel of that kind"),
    ],
)
def test_what_is_no_address_is_said_without_repeating_it(tmp_path: Path, kind: str, url: str, said: str) -> None:
    with pytest.raises(StartError) as refused:
        make_senders(channel(tmp_path, kind, url), lambda: 0.0)
    assert str(refused.value).startswith(f"{tmp_path / 'channel.url'}: ")
    assert said in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_collector_without_apprise_channels_does_not_import_it() -> None:
    program = "import sys, forewarn_collector.app; sys.exit('apprise' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
