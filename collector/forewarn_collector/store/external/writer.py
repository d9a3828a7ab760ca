"""Lines of line protocol to a store through influxdb-client: the one writer of InfluxDB and VictoriaMetrics."""

import re
import ssl
from collections.abc import Sequence

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from forewarn_collector.store.external.address import Login
from forewarn_collector.store.external.http import said, unavailable
from forewarn_collector.store.external.interface import Refused, Sample, TooSlow, Unavailable
from forewarn_collector.store.external.lines import lines_of, problem_of

MILLISECONDS = 30_000
# InfluxDB 1.x answers 400 where it took all but those that are older than its retention policy.
_OUTLIVED = re.compile(r"points beyond retention policy dropped=(\d+)")
# Where the path is known and the database is not, its name is said.
_NO_SUCH_PAGE = "404 page not found"
_OF_THE_ROWS = frozenset({400, 413, 422})


class Writer:
    """``bucket``: as the second version of InfluxDB's API calls a database with its retention policy."""

    def __init__(self, name: str, base: str, bucket: str, login: Login, tls: ssl.SSLContext) -> None:
        self._name = name
        self._bucket = bucket
        self._login = login
        token = login.token or (f"{login.username}:{login.password}" if login.username else "")
        self._client = InfluxDBClient(
            url=base, token=token, org="-", timeout=MILLISECONDS, auth_basic=bool(login.username), ssl_context=tls
        )
        self._write = self._client.write_api(write_options=SYNCHRONOUS).write

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]

    def write(self, samples: Sequence[Sample]) -> int:
        """See `interface.HistoryStore.write`."""
        for sample in samples:
            if problem := problem_of(sample):
                raise Refused(problem)
        lines = "\n".join(line for sample in samples for line in lines_of(sample))
        if not lines:
            return 0
        try:
            self._write(self._bucket, record=lines, write_precision=WritePrecision.MS)  # type: ignore[arg-type]
        except ApiException as error:
            text = str(error.body or error.reason or "")
            if outlived := _OUTLIVED.search(text):
                return int(outlived[1])
            if error.status in _OF_THE_ROWS:
                raise Refused(said(text, self._login)) from None
            if error.status == 404 and _NO_SUCH_PAGE in text:
                raise Unavailable(
                    f"{self._name} does not know /api/v2/write: it must be InfluxDB 1.8 or newer"
                ) from None
            raise unavailable(self._name, error.status or 0, text, self._login) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if _timed_out(error):
                raise TooSlow(f"{self._name} does not answer within {MILLISECONDS / 1000:.0f} s") from None
            raise Unavailable(f"{self._name} does not answer: {said(str(error), self._login)}") from None
        return 0


def _timed_out(error: Exception) -> bool:
    """While the answer was awaited, or while the rows were sent: urllib3 has the error of the socket in its own."""
    return isinstance(error, urllib3.exceptions.ReadTimeoutError) or any(
        isinstance(cause, TimeoutError) for cause in error.args
    )
