"""``forewarn metrics``"""

import click

from forewarn_collector.cli.session import Session, json_option, pass_session, print_json
from forewarn_collector.cli.tables import cell, fixed, folding, table
from forewarn_rules import METRICS
from forewarn_rules.metrics import ATA_PATTERNS

WIDE = 140


@click.command("metrics")
@json_option
@pass_session
def metrics(session: Session, as_json: bool) -> None:
    """Every quantity that can be asked for and that rules read.

    <id> in ata.<id>.raw is the number of a SMART attribute: ata.5.raw is Reallocated_Sector_Ct.

    Example: forewarn metrics
    """
    known = [*METRICS.values(), *ATA_PATTERNS]
    if as_json:
        print_json([{name: getattr(metric, name) for name in metric.__dataclass_fields__} for metric in known])
        return
    wide = session.screen.width >= WIDE
    more = [fixed("of a"), fixed("counting"), fixed("source")] if wide else []
    shown = table(fixed("metric"), folding("unit"), folding("meaning"), *more)
    for metric in known:
        extra = (metric.kind, metric.counting, metric.source) if wide else ()
        shown.add_row(*map(cell, (metric.name, metric.unit, metric.description, *extra)))
    session.screen.print(shown)
