"""The parts that ``run``, ``probe`` and ``doctor`` read a machine with, put together for its platform."""

from dataclasses import dataclass
from functools import partial

from forewarn_agent import macos, windows
from forewarn_agent.commands import Commands
from forewarn_agent.disks import Disks
from forewarn_agent.log.watch import LOG_NAME, PATIENCE_SECONDS, LogWatch
from forewarn_agent.platforms import Platform
from forewarn_agent.probes.reading import Surroundings
from forewarn_agent.remembered import Remembered
from forewarn_agent.runner import Runner
from forewarn_agent.settings import Config
from forewarn_agent.smartctl import Smartctl
from forewarn_agent.sysfs_disks import KernelDisk, read_kernel_disks
from forewarn_agent.system import Recorded, System

_PSUTIL = "psutil.json"


@dataclass(frozen=True)
class Parts:
    smartctl: Smartctl
    disks: Disks
    commands: Commands
    surroundings: Surroundings


def assemble(config: Config, remembered: Remembered, keeps_log: bool) -> Parts:
    """``keeps_log``: what is counted in the system's log is kept; without it each reading by hand counts a day anew."""
    roots = config.roots
    smartctl, runner = Smartctl(config.smartctl, config.smartctl_timeout), Runner()
    commands = Commands(runner, roots.recorded)
    disks = Disks(
        roots.sys if config.platform is Platform.LINUX else None,
        smartctl,
        remembered,
        config.smart_force_after,
        kernel=partial(_kernel_disks, config, commands),
        asks_pysmart=roots.recorded is None,
    )
    # Which serial number sits where is known once the disks were read; by hand, or without them, nobody waits for it.
    waits = keeps_log and "smart" in config.probes
    log = LogWatch(
        config.data / LOG_NAME if keeps_log else None,
        disks.known,
        config.log_interval,
        PATIENCE_SECONDS if waits else 0.0,
    )
    recorded = roots.recorded / _PSUTIL if roots.recorded else None
    surroundings = Surroundings(
        roots,
        config.filesystems,
        disks.read_all,
        runner=runner,
        platform=config.platform,
        system=System(Recorded(recorded) if recorded and recorded.exists() else None),
        commands=commands,
        log=log,
    )
    return Parts(smartctl, disks, commands, surroundings)


def _kernel_disks(config: Config, commands: Commands) -> list[KernelDisk]:
    """Raise MissingError, HungError, FailedError or ValueError."""
    if config.platform is Platform.WINDOWS:
        return windows.parse_disks(commands.output(windows.PHYSICAL_DISKS))
    if config.platform is Platform.MACOS:
        return macos.read_disks(commands)
    return read_kernel_disks(config.roots.sys)
