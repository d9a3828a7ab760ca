"""Training: monotone, calibrated, never knowing the future; and the commands around it."""

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner, Result

from forewarn_collector.backtest.history import NEVER, History
from forewarn_collector.cli.main import forewarn
from forewarn_collector.replay.histories import HistoryError
from forewarn_collector.replay.intervals import has_intervals, read_intervals
from forewarn_collector.training.fit import KNOTS, calibrate, fit, fit_peaks
from forewarn_collector.training.protocol import rolling_origins
from forewarn_collector.training.samples import Samples, gather, join
from forewarn_collector.training.train import empty_features, score, train, with_tables
from forewarn_rules.risk import Provenance, read_model

pytest.importorskip("scipy", reason="training needs the extra [train]")

NOTHING = Provenance("", "", ())
DAYS, DRIVES = 150, 400


def fleet(seed: int = 1, models: int = 1) -> History:
    """A few grow pending sectors 12 days before they fail, a few grow some and stay, the rest is well."""
    random = np.random.default_rng(seed)
    failed = np.full(DRIVES, NEVER, dtype=np.int64)
    failed[:60] = random.integers(20, DAYS, 60)
    pending = np.zeros((DRIVES, DAYS))
    for drive in range(45):
        pending[drive, max(0, failed[drive] - 12) :] = 200
    for drive in range(60, 80):
        pending[drive, random.integers(0, DAYS) :] = 8
    day, drive = (grid.ravel() for grid in np.meshgrid(np.arange(DAYS), np.arange(DRIVES), indexing="ij"))
    alive = day <= failed[drive]
    day, drive = day[alive].astype(np.int64), drive[alive].astype(np.int64)
    names = [f"M{n % models}" for n in range(DRIVES)]
    zero = np.zeros(len(day))
    metrics = {"ata.5.raw": zero, "ata.187.raw": zero, "ata.197.raw": pending[drive, day]}
    return History(day, drive, [f"D{n}" for n in range(DRIVES)], names, failed, metrics)


@pytest.fixture(scope="module")
def samples() -> Samples:
    return gather(fleet(), empty_features(), "fleet")


def without_187(history: History) -> History:
    kept = {name: column for name, column in history.metrics.items() if name != "ata.187.raw"}
    return History(history.days, history.drives, history.serials, history.models, history.failed_on, kept)


def test_a_fit_is_monotone_and_finds_what_is_there() -> None:
    random = np.random.default_rng(2)
    features = np.where(random.random((2, 40_000)) < 0.5, 0, random.integers(0, 500, (2, 40_000))).astype(np.float32)
    true = -4 + 0.5 * np.log1p(features[0]) - 0.3 * np.log1p(features[1])  # the second one is a good sign
    failing = random.random(40_000) < 1 / (1 + np.exp(-true))
    found = fit(features, failing, np.ones(40_000))
    assert (np.diff(found.log_odds, axis=1) >= 0).all()
    assert found.log_odds[0][4] == pytest.approx(0.5 * np.log1p(KNOTS[4]), abs=0.3)
    assert found.log_odds[1].max() == pytest.approx(0, abs=0.05)


def test_calibration_finds_shift_and_slope() -> None:
    random = np.random.default_rng(3)
    odds = random.normal(-2, 2, 200_000)
    failing = random.random(200_000) < 1 / (1 + np.exp(-(0.5 + 0.7 * odds)))
    shift, slope = calibrate(odds, failing, np.ones(200_000), 1.0)
    assert (shift, slope) == (pytest.approx(0.5, abs=0.05), pytest.approx(0.7, abs=0.02))


def test_a_model_ranks_and_is_calibrated(samples: Samples) -> None:
    foreign = gather(without_187(fleet(2)), empty_features(), "other")
    model = with_tables(train([samples, foreign], NOTHING), [samples, foreign])
    for piece in (samples, foreign):
        scores = score(model, piece)
        bad = piece.features[6] >= 200
        assert scores[bad].min() > 10 * scores[piece.features[6] == 0].max()
    assert [variant.title for variant in model.variants] == [
        "full, at first sight", "narrow, at first sight", "full", "narrow"
    ]  # fmt: skip
    for variant in model.variants:
        (worst,) = [row for row in variant.reliability if row.high == 1]
        assert worst.failing >= 20
        assert 1 / 1.5 < worst.predicted / worst.observed < 1.5


def test_nothing_to_learn_from_is_said(samples: Samples) -> None:
    well = samples.take(samples.lead == NEVER)
    with pytest.raises(ValueError, match="no drive fails"):
        train([well], NOTHING)


def test_the_future_is_not_known_at_an_origin(samples: Samples) -> None:
    known = samples.until(60)
    assert known.days.max() == 59
    assert ((known.lead == NEVER) | (known.days + known.lead < 60)).all()
    assert (known.days + known.ahead < 60).all()
    settled = known.days[known.settled(30)]
    assert settled.max() == 29  # the purge: outcomes of later rows reach beyond the origin
    told = samples.take(samples.days < 60)
    assert told.failing(30).sum() > known.failing(30).sum()


def test_a_test_window_does_not_change_what_was_trained_before_it() -> None:
    """Turning round who fails after the origin changes no score of the first window's model."""
    first = gather(fleet(), empty_features(), "a")
    history = fleet()
    origin = round(0.4 * (DAYS - 1))
    kept = np.where(history.failed_on < origin, history.failed_on, NEVER)
    other = gather(
        History(history.days, history.drives, history.serials, history.models, kept, history.metrics),
        empty_features(), "a",
    )  # fmt: skip
    spare = gather(without_187(fleet(3)), empty_features(), "undated", dated=False)
    trained = [train([piece.until(origin), spare], NOTHING) for piece in (first, other)]
    assert trained[0] == trained[1]


def test_rolling_origins_test_each_window_and_all_of_them(samples: Samples) -> None:
    spare = gather(without_187(fleet(3)), empty_features(), "undated", dated=False)
    tests = rolling_origins([samples, spare], samples, lambda _: None)
    assert [test.tested for test in tests][-1] == "all test days"
    assert len(tests) == 4
    assert tests[-1].cut[0].failing == sum(test.cut[0].failing for test in tests[:-1])
    assert (tests[-1].cut[-1].recall_day or 0) > 0.6


def test_a_part_of_the_drives_stands_for_all(samples: Samples) -> None:
    part = gather(fleet(), empty_features(), "fleet", share=0.3)
    assert len(part.days) < 0.5 * len(samples.days)
    assert part.failing(30).sum() == samples.failing(30).sum()
    assert part.weight.sum() == pytest.approx(samples.weight.sum(), rel=0.1)
    both = join("both", [part, part])
    assert both.failures == 2 * samples.failures


def test_a_stretch_is_what_leads_to_a_failure_or_a_month_of_one_drive(samples: Samples) -> None:
    stretches, failing = samples.stretches(30), samples.failing(30)
    first = np.unique(stretches, return_index=True)[1]
    assert (samples.drives[first][stretches] == samples.drives).all()
    assert (failing[first][stretches] == failing).all()
    lengths = np.bincount(stretches)
    assert lengths.max() == 30
    assert len(np.unique(stretches[failing])) == len(np.unique(samples.drives[failing]))


def test_the_worst_day_of_a_stretch_counts_not_how_many_there_are() -> None:
    """A sign that stands for days on drives that stay, and one that is seen for a day before a failure."""
    drives, days = 4000, 30
    values = np.zeros((2, drives, days), dtype=np.float32)
    failing = np.arange(drives) < 200
    values[0, :200, 5] = 100
    values[1, 150:400] = 100
    rows = values.reshape(2, -1)
    stretches = np.repeat(np.arange(drives), days)
    weight = np.full(drives * days, 1 / days)
    by_row = fit(rows, np.repeat(failing, days), weight)
    by_stretch = fit_peaks(rows, np.repeat(failing, days), weight, stretches)
    once, always = np.array([[100.0, 0], [0, 100]])
    assert by_row.odds(once[:, np.newaxis])[0] > by_row.intercept
    assert by_stretch.odds(once[:, np.newaxis])[0] > by_row.odds(once[:, np.newaxis])[0]
    assert by_stretch.odds(once[:, np.newaxis])[0] > by_stretch.odds(always[:, np.newaxis])[0]


def intervals(file: Path) -> Path:
    rows = [("A", 0, 240, 0, 0.0), ("A", 240, 490, 1, 8.0), ("B", 5, 1200, 0, None)]
    table = [
        {"serial_number": s, "model": "ST1", "tstart": a, "tstop": b, "failure": f, "smart_5": v}
        for s, a, b, f, v in rows
    ]
    parquet.write_table(pa.Table.from_pylist(table), file)
    return file


def test_stretches_become_days(tmp_path: Path) -> None:
    file = intervals(tmp_path / "stretches.parquet")
    assert has_intervals(file)
    (history,) = read_intervals(file, {"ata.5.raw", "ata.187.raw"})
    first = history.drives == 0
    assert history.days[first].tolist() == list(range(20))
    assert history.metric("ata.5.raw")[first].tolist() == [0.0] * 10 + [8.0] * 10
    assert np.isnan(history.metric("ata.5.raw")[~first]).all()
    assert history.failed_on.tolist() == [20, NEVER]
    assert (np.diff(history.days) >= 0).all()
    parquet.write_table(pa.table({"tstart": [1]}), file)
    with pytest.raises(HistoryError, match="not a history of intervals"):
        list(read_intervals(file, set()))


def ask(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "160"}).invoke(forewarn, ["model", *map(str, words)])


def days_file(file: Path, history: History) -> Path:
    table = {
        "date": [date(2018, 1, 1) + timedelta(days=int(day)) for day in history.days],
        "serial_number": [history.serials[drive] for drive in history.drives],
        "model": [history.models[drive] for drive in history.drives],
        "failure": (history.failed_on[history.drives] == history.days).astype(int).tolist(),
    }
    for name, column in history.metrics.items():
        table[f"smart_{name.split('.')[1]}_raw"] = column.astype(int).tolist()
    parquet.write_table(pa.table(table), file)
    return file


def test_a_model_is_trained_reported_and_backtested(tmp_path: Path) -> None:
    full = days_file(tmp_path / "full.parquet", fleet())
    narrow = days_file(tmp_path / "narrow.parquet", without_187(fleet(2)))
    out = tmp_path / "hdd.json"
    trained = ask("train", full, narrow, "--out", out)
    assert trained.exit_code == 0, trained.output
    assert "full: 400 drives, 60 failures" in trained.output
    assert read_model(out.read_bytes()).provenance.sources[0].first == "2018-01-01"
    reported = ask("report", "--model", out, "--json")
    assert reported.exit_code == 0, reported.output
    assert json.loads(reported.stdout)["no_model"] == ["ssd", "nvme", "sas"]
    measured = ask("report", full, "--model", out)
    assert "these histories" in measured.output
    tickets = tmp_path / "tickets.csv"
    words = ["backtest", str(full), "--model", str(out), "--budget", "8", "--tickets", str(tickets), "--json"]
    tested = CliRunner().invoke(forewarn, words)
    assert tested.exit_code == 0, tested.output
    lines = [line for line in json.loads(tested.stdout)["methods"] if line["frozen"] and line["budget"] == 8]
    assert lines[0]["outcome"]["recall_day"] > 0.6
    assert tickets.read_text().count("model-risk") >= 40


def test_what_cannot_be_learned_from_is_said_in_a_line(tmp_path: Path) -> None:
    well = fleet()
    well = History(well.days, well.drives, well.serials, well.models, np.full(DRIVES, NEVER), well.metrics)
    result = ask("train", days_file(tmp_path / "well.parquet", well), "--out", tmp_path / "m.json")
    assert result.exit_code == 1
    assert "no drive fails in these histories" in result.output
    assert ask("report", "--model", __file__).exit_code == 1
