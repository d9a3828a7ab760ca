"""One course of values as characters. The only place that knows plotext."""

import plotext

from forewarn_collector.api.views import SeriesData
from forewarn_collector.cli.format import Times, quantity, segments
from forewarn_collector.cli.text import clean

TICKS = 4


def draw(data: SeriesData, times: Times, width: int, height: int) -> str:
    """A plot without colour, ``width`` by ``height`` characters. What is not known is not drawn."""
    pieces = segments(data.at, data.values)
    if not pieces:
        return "nothing to draw: no value could be measured"
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)
    figure.plot_size(width, height)
    for at, values in pieces:
        # A lone point has no line.
        signal = figure.signal(at, values, marker="braille" if len(at) > 1 else "dot")
        figure.draw(signal.lines() if len(at) > 1 else signal)
    first, last = data.at[0], data.at[-1]
    if last > first:
        figure.ruler("x", "lower").lim(first, last)
    # Not at the ends: a label that does not fit is left out.
    marks = [first + (last - first) * (step + 0.5) / TICKS for step in range(TICKS)] if last > first else [first]
    figure.ruler("x", "lower").ticks(marks, [times.moment(at)[:16] for at in marks])
    values = [value for _, piece in pieces for value in piece]
    low, high = min(values), max(values)
    levels = [low + (high - low) * step / TICKS for step in range(TICKS + 1)] if high > low else [low]
    figure.ruler("y", "left").ticks(levels, [clean(quantity(level, data.unit)) for level in levels])
    return str(figure.build().string(colorless=True)).rstrip("\n")
