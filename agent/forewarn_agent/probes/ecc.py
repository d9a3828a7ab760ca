"""Memory errors that ECC has corrected, or could not, for each memory module."""

from collections.abc import Iterator
from pathlib import Path

from forewarn_agent.platforms import Absent, Platform, Source
from forewarn_agent.probes.reading import LoadParts, Probe, Surroundings, not_here
from forewarn_agent.probes.sysfs import by_number, parse_count, text_of
from forewarn_wire import Dimm

_LIMIT = 256


def measure(surroundings: Surroundings) -> LoadParts:
    """The kernel's EDAC (kernel documentation, admin-guide/RAS): each module, else each row of chips."""
    directory = surroundings.roots.sys / "devices" / "system" / "edac" / "mc"
    found = [row for controller in _numbered(directory, "mc") for row in _modules(controller)]
    if not found:
        reason = "no ECC memory, or no EDAC driver for it"
        return LoadParts(unread=[not_here("ecc", reason)])
    return LoadParts(dimms=found[:_LIMIT])


def _modules(controller: Path) -> Iterator[Dimm]:
    name = controller.name
    modules = [*_numbered(controller, "dimm"), *_numbered(controller, "rank")]
    for module in modules:
        label = text_of(module / "dimm_label")
        part = f"{name} {module.name}" + (f" {label}" if label else "")
        yield _row(part, module / "dimm_ce_count", module / "dimm_ue_count")
    if not modules:
        for row in _numbered(controller, "csrow"):
            yield _row(f"{name} {row.name}", row / "ce_count", row / "ue_count")
    # Errors of which the controller cannot say where they were count all the same.
    if (controller / "ue_noinfo_count").exists() or (controller / "ce_noinfo_count").exists():
        yield _row(f"{name} unknown module", controller / "ce_noinfo_count", controller / "ue_noinfo_count")


def _row(part: str, corrected: Path, uncorrected: Path) -> Dimm:
    return Dimm(
        dimm=part[:200],
        corrected_errors=parse_count(text_of(corrected)),
        uncorrected_errors=parse_count(text_of(uncorrected)),
    )


def _numbered(directory: Path, word: str) -> list[Path]:
    """``mc0``, ``mc1``, ... below ``directory``, and not its other entries."""
    return sorted((p for p in directory.glob(f"{word}*") if p.name[len(word) :].isdecimal()), key=by_number)


PROBE: Probe[LoadParts] = Probe(
    "ecc",
    "memory errors of each module, corrected and uncorrected",
    "count",
    {
        Platform.LINUX: Source("/sys/devices/system/edac", measure),
        Platform.WINDOWS: Absent("Windows counts no errors by module; WHEA events are in the probe log"),
        Platform.MACOS: Absent("macOS counts no memory errors"),
    },
)
