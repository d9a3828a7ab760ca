"""How much main memory and swap is left."""

from forewarn_agent import system
from forewarn_agent.platforms import Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings
from forewarn_agent.probes.sysfs import text_of
from forewarn_wire import Memory


def measure(surroundings: Surroundings) -> LoadParts:
    report = shape(parse((surroundings.roots.proc / "meminfo").read_text()))
    swapped = parse_swapped(text_of(surroundings.roots.proc / "vmstat"), system.page_bytes())
    if report.swap_total_bytes and swapped is not None:
        report.swap_in_bytes, report.swap_out_bytes = swapped
    return LoadParts(memory=report)


def measure_by_psutil(surroundings: Surroundings) -> LoadParts:
    return LoadParts(memory=surroundings.system.memory(surroundings.platform))


def parse(text: str) -> dict[str, int]:
    """/proc/meminfo as bytes per name; lines without kB (such as HugePages_Total) are left out."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB" and words[0].isdigit():
            found[name] = int(words[0]) * 1024
    if not found.get("MemTotal"):
        raise ValueError("no MemTotal in /proc/meminfo")
    return found


def parse_swapped(text: str, page_bytes: int) -> tuple[int, int] | None:
    """What was read from and written to swap since the start: pages in ``pswpin`` and ``pswpout`` of /proc/vmstat."""
    rows = dict(line.split() for line in text.splitlines() if len(line.split()) == 2)
    pages = rows.get("pswpin", ""), rows.get("pswpout", "")
    if not all(count.isdecimal() for count in pages):
        return None
    return int(pages[0]) * page_bytes, int(pages[1]) * page_bytes


def shape(found: dict[str, int]) -> Memory:
    total, available = found["MemTotal"], found.get("MemAvailable")
    report = Memory(total_bytes=total, available_bytes=available, used_percent=_used(total, available))
    swap_total = found.get("SwapTotal")
    report.swap_total_bytes = swap_total
    if swap_total != 0:
        report.swap_used_percent = _used(swap_total, found.get("SwapFree"))
    return report


def _used(total: int | None, free: int | None) -> float | None:
    if not total or free is None:
        return None
    return round(100 * max(0, total - free) / total, 1)


PROBE: Probe[LoadParts] = Probe(
    "memory",
    "main memory and swap: total, available, used, swapped in and out",
    "bytes; percent",
    {
        Platform.LINUX: Source("/proc/meminfo, /proc/vmstat", measure),
        Platform.WINDOWS: Source("psutil (GlobalMemoryStatusEx); what was swapped is not told", measure_by_psutil),
        Platform.MACOS: Source("psutil (host_statistics64, vm.swapusage)", measure_by_psutil),
    },
)
