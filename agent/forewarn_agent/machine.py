"""What the machine is: host name, maker, chassis, operating system, boot id."""

import logging
import platform
import socket
from pathlib import Path

from forewarn_agent import VERSION, macos, windows
from forewarn_agent.commands import Commands, FailedError
from forewarn_agent.platforms import Platform
from forewarn_agent.runner import HungError, MissingError
from forewarn_agent.settings import Config, Roots
from forewarn_agent.smart_json import text
from forewarn_wire import Inventory
from forewarn_wire.machine import Machine, machine_of

log = logging.getLogger(__name__)

# SMBIOS reference specification, system enclosure or chassis types.
_CHASSIS = {
    "desktop": frozenset({3, 4, 5, 6, 7, 13, 15, 16, 24, 35, 36}),
    "laptop": frozenset({8, 9, 10, 11, 14, 30, 31, 32}),
    "server": frozenset({17, 23, 25, 28, 29}),
}
_VIRTUAL_VENDORS = ("qemu", "vmware", "innotek", "xen", "bochs", "parallels", "amazon ec2", "google compute")
# What board makers leave in the field when they have nothing to say.
_PLACEHOLDERS = frozenset(
    {"to be filled by o.e.m.", "default string", "system serial number", "not specified", "none", "0", "123456789"}
)

# Only root may read a machine's serial number; the service's unit has it put here before the agent starts.
ROOT_READ_SERIAL = Path("run") / "forewarn-agent" / "serial"


def inventory_of(config: Config, commands: Commands) -> Inventory:
    """The machine without its disks, where its platform says it. What it does not say stays null."""
    if config.platform is Platform.LINUX:
        return read_inventory(config.roots)
    inventory = Inventory(hostname=socket.gethostname()[:200], agent_version=agent_version())
    try:
        if config.platform is Platform.WINDOWS:
            types = windows.fill_inventory(inventory, commands.output(windows.IDENTITY))
            inventory.chassis = chassis(str(types[0]) if types else None, inventory.vendor, inventory.model)
        else:
            macos.fill_inventory(inventory, commands.output(macos.IDENTITY), commands.output(macos.SYSTEM_VERSION))
    except (MissingError, HungError, FailedError, ValueError) as error:
        log.warning("the machine does not say what it is: %s", error)
    if _is_placeholder(inventory.serial):
        inventory.serial = None
    return inventory


def boot_id(config: Config, commands: Commands) -> str | None:
    """What changes with every start of the machine; None where it cannot be had."""
    if config.platform is Platform.LINUX:
        return read_boot_id(config.roots.proc)
    try:
        if config.platform is Platform.WINDOWS:
            return windows.parse_boot_id(commands.output(windows.BOOT_ID))
        return text(commands.output(macos.BOOT_ID))
    except (MissingError, HungError, FailedError) as error:
        log.warning("the start of the machine has no name: %s", error)
        return None


def read_inventory(roots: Roots) -> Inventory:
    """The machine without its disks. What it does not say stays null."""
    dmi = roots.sys / "class" / "dmi" / "id"
    vendor, model = _text(dmi / "sys_vendor"), _text(dmi / "product_name")
    return Inventory(
        hostname=socket.gethostname()[:200],
        serial=_text(dmi / "product_serial") or _text(roots.root / ROOT_READ_SERIAL),
        vendor=vendor,
        model=model,
        chassis=chassis(_text(dmi / "chassis_type"), vendor, model),
        operating_system=_operating_system(roots.root),
        agent_version=agent_version(),
    )


def chassis(type_number: str | None, vendor: str | None, model: str | None) -> str | None:
    said = f"{vendor or ''} {model or ''}".lower()
    if any(name in said for name in _VIRTUAL_VENDORS) or "virtual machine" in said:
        return "virtual"
    if type_number is None or not type_number.isdigit():
        return None
    return next((name for name, numbers in _CHASSIS.items() if int(type_number) in numbers), None)


def parse_os_release(content: str) -> str | None:
    """PRETTY_NAME of os-release(5)."""
    for line in content.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return text(value.strip().strip("\"'"))
    return None


def read_marks(roots: Roots) -> Machine:
    """What tells this machine from a copy of its disk."""
    return machine_of(_text(roots.root / "etc" / "machine-id"), read_inventory(roots).serial)


def read_boot_id(proc: Path) -> str | None:
    """The kernel's id of this start of the machine; None where it has none."""
    return _text(proc / "sys" / "kernel" / "random" / "boot_id")


def agent_version() -> str:
    return VERSION


def _operating_system(root: Path) -> str | None:
    for path in (root / "etc" / "os-release", root / "usr" / "lib" / "os-release"):
        try:
            return parse_os_release(path.read_text(errors="replace"))
        except OSError:
            continue
    return text(f"{platform.system()} {platform.release()}")


def _text(path: Path) -> str | None:
    try:
        found = text(path.read_text(errors="replace"))
    except OSError:
        return None
    return None if _is_placeholder(found) else found


def _is_placeholder(found: str | None) -> bool:
    return found is not None and found.lower() in _PLACEHOLDERS
