"""Recall over false tickets as a picture. The only module that knows matplotlib."""

from pathlib import Path

from forewarn_collector.backtest.run import Report

FORMATS = (".png", ".svg")


class NoPlotError(Exception):
    """matplotlib is not installed; the text says how to get it."""


def draw(report: Report, file: Path) -> None:
    """Write the picture (PNG or SVG, by the file's ending). Raise NoPlotError without matplotlib, OSError."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise NoPlotError("a plot needs matplotlib; install it with: pip install 'forewarn[train]'") from None
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    ranked: dict[str, list[tuple[float, float]]] = {}
    for line in report.lines:
        if line.outcome.recall_day is None or line.frozen:
            continue
        point = (line.outcome.false_rate, 100 * line.outcome.recall_day)
        if line.budget is not None:
            ranked.setdefault(line.method, []).append(point)
        else:
            mark = "s" if line.group == "baseline" else "o"
            axes.plot(*point, mark, label=line.method, linestyle="none")
    for method, points in ranked.items():
        axes.plot(*zip(*sorted(points), strict=True), marker=".", label=method)
    axes.set_xlabel("false tickets per 1,000 drives a month")
    axes.set_ylabel("failing drives with a ticket at least a day ahead, %")
    axes.set_title(f"{report.failing} failures, {report.drives:,} drives, {report.drive_days:,} drive-days")
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(file, format=file.suffix.removeprefix("."))
