"""How the service is, for people and programs."""

import time

from forewarn_agent.config import ConfigError, load_config
from forewarn_agent.outbox_file import OUTBOX_NAME, OutboxUnavailableError, look
from forewarn_agent.service.manager import Manager, ServiceStatus
from forewarn_agent.service.systemd import ServiceError


def read_status(manager: Manager) -> ServiceStatus:
    status = ServiceStatus("unknown")
    try:
        manager.read(status)
    except ServiceError as error:
        status.detail = str(error)
    if status.state == "not-installed":
        return status
    try:
        data = load_config(manager.places.config).data
        waiting = look(data / OUTBOX_NAME)
    except ConfigError as error:
        status.detail = str(error.args[0]).splitlines()[0]
    except OutboxUnavailableError as error:
        status.detail = f"{error}: run it as root"
    else:
        status.reports_waiting, status.bytes_waiting, status.oldest_waiting_at, status.last_delivered_at = waiting
    return status


def status_lines(status: ServiceStatus, now: float) -> list[str]:
    """What ``forewarn-agent status`` prints."""
    if status.state == "not-installed":
        return ["the service is not installed: forewarn-agent install --server URL"]
    lines = [f"service    {status.state}" + (f" since {_ago(status.since, now)}" if status.since else "")]
    if status.version:
        lines.append(f"version    {status.version}")
    if status.process_id:
        lines.append(f"process    {status.process_id}, restarted {status.restarts or 0} times")
    lines.append(f"at boot    {'starts' if status.starts_with_machine else 'does not start'} with the machine")
    if status.reports_waiting is not None:
        delivered = "none is kept" if status.last_delivered_at is None else _ago(status.last_delivered_at, now)
        lines.append(f"delivered  {delivered}")
        oldest = f", the oldest from {_ago(status.oldest_waiting_at, now)}" if status.oldest_waiting_at else ""
        lines.append(f"waiting    {status.reports_waiting} reports, {status.bytes_waiting} bytes{oldest}")
    if status.detail:
        lines.append(f"note       {status.detail}")
    return lines


def _ago(when: float, now: float) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
    return f"{moment} ({max(now - when, 0):.0f} s ago)"
