"""The load reports that every peer of an intake benchmark is given."""

from forewarn_wire import Cpu, Filesystem, LoadReport, Memory, Temperature, Uptime

DAY = 86_400.0
VALUES = 15
GIBIBYTE = 2**30


def load_report(device: str, boot: str, seq: int, start: float) -> LoadReport:
    """A report of 15 values, a minute of device time after the one before it."""
    wave = seq % 60
    return LoadReport(
        device=device,
        boot=boot,
        seq=seq,
        sampled_at=start + 60.0 * seq,
        cpu=Cpu(
            used_percent=5.0 + wave,
            load_average_1m=0.5 + wave / 60,
            load_average_5m=0.5 + wave / 90,
            load_average_15m=0.5 + wave / 120,
        ),
        memory=Memory(
            total_bytes=16 * GIBIBYTE,
            available_bytes=8 * GIBIBYTE - wave * 4096,
            used_percent=50.0 + wave / 100,
            swap_used_percent=0.0,
        ),
        filesystems=[
            Filesystem(mount="/", fstype="ext4", source="/dev/sda1", used_percent=61.0, free_bytes=9 * GIBIBYTE),
            Filesystem(mount="/data", fstype="ext4", source="/dev/sdb1", used_percent=40.0 + wave / 1000),
        ],
        temperatures=[
            Temperature(sensor="package", celsius=40.0 + wave / 10, high_celsius=85.0),
            Temperature(sensor="board", celsius=35.0),
        ],
        uptime=Uptime(seconds=3600.0 + 60.0 * seq),
    )
