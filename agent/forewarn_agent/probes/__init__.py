"""Every probe of the agent. A new probe is a file here and its name in the two lists below."""

from forewarn_agent.probes import (
    arrays,
    battery,
    ecc,
    fan,
    filesystem,
    gpu,
    load,
    log,
    memory,
    network,
    pressure,
    smart,
    temperature,
    throttling,
    uptime,
    voltage,
)
from forewarn_agent.probes.reading import LoadParts, Probe
from forewarn_wire import SmartReport

LOAD_PROBES: tuple[Probe[LoadParts], ...] = (
    load.PROBE,
    memory.PROBE,
    filesystem.PROBE,
    temperature.PROBE,
    uptime.PROBE,
    arrays.PROBE,
    fan.PROBE,
    voltage.PROBE,
    ecc.PROBE,
    battery.PROBE,
    throttling.PROBE,
    pressure.PROBE,
    network.PROBE,
    gpu.PROBE,
    log.PROBE,
)
SMART_PROBE: Probe[list[SmartReport]] = smart.PROBE
PROBES: tuple[Probe[LoadParts] | Probe[list[SmartReport]], ...] = (*LOAD_PROBES, SMART_PROBE)
