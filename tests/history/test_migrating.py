"""``forewarn store migrate``: all rows, whole, once, counted; and a whole collector with a store beside its journal."""

import json
import math
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner
from msgspec.structs import replace
from servers.histories import opened

from forewarn_collector.cli.main import forewarn
from forewarn_collector.store.embedded import Embedded
from forewarn_collector.store.external.interface import HistoryStore, Sample, SeriesName
from forewarn_collector.store.journal import Journal
from forewarn_collector.store.model import Accepted, Point
from forewarn_wire import CANARY

START = 1_767_225_600.0
DAY = 86_400.0
LAYOUTS = ((), ("cpu.used_percent",), ("cpu.used_percent", "filesystem.used_percent|C:\\"))


def fill(directory: Path, reports: int = 3000) -> None:
    """Load and SMART of three devices over a month, with all that makes rows differ; most of it sealed."""
    with Journal(directory) as journal:
        messages = []
        for number in range(reports):
            at = START + number * 900
            device, fields = f"shop-{number % 3}", LAYOUTS[number % 3]
            values = tuple(math.nan if number % 5 == 0 else number / 4 + n for n in range(len(fields)))
            points = [Point(device, "load", "", at, fields, values, b"{}")]
            if number % 48 == 0:
                points.append(Point(device, "smart", "WD 20,EA", at, ("ata.5.raw",), (float(number),), b"{}"))
            messages.append(Accepted(device, "b", None, at, at, tuple(points)))
        messages.append(Accepted(CANARY, "b", None, at, at, (replace(points[0], device=CANARY),)))
        journal.commit(messages)
        while journal.seal(at, 10**9).more:
            pass


def content(store: HistoryStore) -> dict[tuple[SeriesName, int], dict[str, str]]:
    """Every row by series and time; values as text, in which nan is equal to itself."""
    return {
        (row.series, row.at): {field: repr(value) for field, value in zip(row.fields, row.values, strict=True)}
        for span in store.spans()
        if span.series.device.startswith("shop-")
        for row in store.rows(*span)
    }


def migrate(*ends: object) -> tuple[int, Any, str]:
    """Exit code, what it printed, what it complained of."""
    done = CliRunner().invoke(forewarn, ["store", "migrate", *map(str, ends), "--json"])
    return done.exit_code, json.loads(done.stdout) if done.stdout else None, done.stderr.strip()


def test_there_and_back_again(make_server: Callable[..., Any], tmp_path: Path) -> None:
    """A directory to VictoriaMetrics, from there to InfluxDB, and from there to a new directory."""
    fill(tmp_path / "old")
    influx, victoria = make_server("influxdb"), make_server("victoriametrics")
    ends = [tmp_path / "old", victoria.url, influx.url, tmp_path / "new"]
    for source, target in pairwise(ends):
        code, said, error = migrate(source, target)
        assert (code, error) == (0, ""), error
        counted = {kind["kind"]: (kind["series"], kind["source"]) for kind in said["kinds"]}
        assert (counted["load"], counted["smart"]) == ((3, 3000), (1, 63))
        assert set(counted) == {"load", "load.hour", "smart", "smart.hour"}
        assert all(kind["source"] == kind["target"] for kind in said["kinds"])
        assert said["written"] == sum(kind["source"] for kind in said["kinds"])
    stores: list[HistoryStore] = [Embedded(ends[0]), opened(victoria.url), opened(influx.url), Embedded(ends[3])]
    contents = [content(store) for store in stores]
    assert len(contents[0]) > 3063
    assert contents[0] == contents[1] == contents[2] == contents[3]
    for store in stores:
        store.close()
    code, said, _ = migrate(*ends[:2])
    assert (code, said["written"]) == (0, 0)


def test_broken_off_and_called_again(make_server: Callable[..., Any], tmp_path: Path) -> None:
    fill(tmp_path / "old", 600)
    server = make_server("influxdb")
    with_half = opened(server.url)
    source = Embedded(tmp_path / "old")
    for span in source.spans()[:2]:
        with_half.write(list(source.rows(*span))[:50])
    code, *_ = migrate(tmp_path / "old", server.url)
    assert code == 0
    assert content(source) == content(with_half)
    source.close()
    with_half.close()


def test_fewer_rows_there_is_exit_code_1(make_server: Callable[..., Any], tmp_path: Path) -> None:
    """Here because the store drops what is older than it keeps, and says nothing."""
    with Journal(tmp_path / "old") as journal:
        at = time.time() - 90 * DAY
        point = Point("shop-1", "load", "", at, LAYOUTS[1], (1.0,), b"{}")
        journal.commit([Accepted("shop-1", "b", None, at, at, (point, replace(point, at=time.time())))])
    server = make_server("influxdb")
    server.ask("CREATE RETENTION POLICY short ON forewarn DURATION 1h REPLICATION 1")
    code, said, _ = migrate(tmp_path / "old", f"{server.url}/short")
    assert code == 1
    assert said["kinds"] == [{"kind": "load", "series": 1, "source": 2, "target": 1, "short": 1}]


def test_one_clear_line_for_what_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "plain.yaml").write_text("listen: {port: 0}\n")
    for ends, words in {
        (tmp_path / "nothing", tmp_path / "new"): "there is no journal here",
        (tmp_path / "plain.yaml", tmp_path / "new"): "has no store.history",
        ("influxdb://127.0.0.1:1", tmp_path / "new"): "names no database",
        ("influxdb://forewarn:geheim@127.0.0.1:1/x", tmp_path / "new"): "a name or password stands in it",
        ("victoriametrics://example.org", tmp_path / "new"): "plain text is for loopback only",
        ("victoriametrics://127.0.0.1:1", tmp_path / "new"): "does not answer",
    }.items():
        code, _, error = migrate(*ends)
        assert (code, error.count("\n")) == (1, 0), error
        assert words in error
        assert "geheim" not in error


def test_imported_rows_are_no_news(tmp_path: Path) -> None:
    """No judge sees them, and an unsealed row of the same time stays."""
    fill(tmp_path, 40)
    series = SeriesName("shop-1", "load", "")
    store = Embedded(tmp_path, writing=True)
    before, span = content(store), next(span for span in store.spans() if span.series == series)
    older = span.first - 86_400_000
    store.write([Sample(series, at, ("cpu.used_percent",), [7.0]) for at in (older, span.last)])
    assert content(store) == before | {(series, older): {"cpu.used_percent": "7.0"}}
    store.close()
    with Journal(tmp_path) as journal, journal.reader() as reader:
        assert all(row.at > older / 1000 for row in reader.rows_after(0, 1000))


@pytest.mark.parametrize("kind", ["influxdb", "victoriametrics"])
def test_a_collector_with_a_store_beside_its_journal(
    make_server: Callable[..., Any],
    make_collector: Callable[..., Any],
    make_agent: Callable[..., Any],
    wait_for: Callable[..., Any],
    tmp_path: Path,
    kind: str,
) -> None:
    """What only the store has is in ``forewarn series``; the state of the forwarding is in status and metrics."""
    server = make_server(kind)
    config = tmp_path / "collector.yaml"
    config.write_text(yaml.safe_dump({"store": {"history": {"url": server.url}}}))
    collector = make_collector("--config", str(config))
    agent = make_agent(collector.mqtt_port)
    token = json.loads((collector.data / "api.json").read_text())["token"]

    def ask(path: str) -> httpx.Response:
        return httpx.get(f"{collector.api_url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def history() -> Any:
        return ask("/api/v1/status").json()["history"]

    wait_for(lambda: ask("/api/v1/status").json()["stored"] > 5, 60)
    wait_for(lambda: (found := history())["unsent"] == 0 and not found["trouble"], 60)
    assert history()["store"] == server.url
    assert "forewarn_history_up 1.0" in ask("/metrics").text
    old = time.time() - 200 * DAY
    beside = opened(server.url)
    fields = ("cpu.used_percent",)
    beside.write([Sample(SeriesName(agent.device, "load", ""), round(old * 1000), fields, [55.5])])
    server.settle()
    path = f"/api/v1/devices/{agent.device}/series?metric=cpu.used_percent&start={old - 1}&end={time.time()}"
    (found,) = wait_for(lambda: ask(path).json(), 60)
    assert found["values"][0] == 55.5
    assert len(found["values"]) > 1
    agent.stop()
    server.stop()
    wait_for(lambda: history()["trouble"], 60)
    answer = ask(path)
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]
    newest = found["at"][-1]
    assert ask(path.replace(str(old - 1), str(newest))).json()[0]["at"][0] == newest
    beside.close()
