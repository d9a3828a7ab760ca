"""Appends for ever and prints each boot and seq once it is on the disk, until somebody kills it."""

import sys
from pathlib import Path

from forewarn_agent.outbox import Outbox
from forewarn_agent.settings import OutboxLimits
from forewarn_wire import EventReport

outbox = Outbox(Path(sys.argv[1]), "shop-07", OutboxLimits(2**30, 86400.0))
outbox.begin("boot-1")
while True:
    stored = outbox.append(EventReport(device="-", boot="-", seq=0, sampled_at=1.0, event="test", text="x" * 200))
    assert stored is not None
    print(stored.boot, stored.seq, flush=True)
