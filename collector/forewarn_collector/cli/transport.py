"""The way to the collector's HTTP API: the only place of the command line that knows HTTP."""

import ssl
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from forewarn_collector.access.model import ACTOR_HEADER
from forewarn_collector.cli.address import Address, ClientError, find_address
from forewarn_collector.cli.person import login_name
from forewarn_collector.cli.text import clean

T = TypeVar("T")

API = "/api/v1"
SAID_PLAINLY = (
    httpx.codes.FORBIDDEN,
    httpx.codes.NOT_FOUND,
    httpx.codes.CONFLICT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.SERVICE_UNAVAILABLE,
)


class NoAnswerError(ClientError):
    """The collector could not be reached, or went away while it answered: it may be there again soon."""


class Transport:
    """To one collector. Every method raises ClientError with one line that says what to do."""

    def __init__(self, address: Address, timeout_seconds: float = 30.0) -> None:
        self.address = address
        # A proxy from the environment must not stand between us and a collector on this machine.
        headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
        if address.data is not None:
            headers[ACTOR_HEADER] = quote(login_name())
        self._http = httpx.Client(
            base_url=address.url,
            headers=headers,
            verify=_trust(address),
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 5.0)),
            trust_env=address.data is None,
        )

    @classmethod
    def connect(
        cls, data: Path | None, server: str | None, token_file: Path | None, timeout_seconds: float = 30.0
    ) -> Self:
        """``server`` with its ``token_file``, or else the collector that runs on ``data`` (None: the default)."""
        return cls.at(find_address(data, server, token_file), timeout_seconds)

    @classmethod
    def at(cls, address: Address, timeout_seconds: float = 30.0) -> Self:
        try:
            return cls(address, timeout_seconds)
        except httpx.InvalidURL as error:
            raise ClientError(f"{clean(address.url)} is not an address: {clean(str(error))}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        type_: type[T],
        method: str,
        path: str,
        body: msgspec.Struct | None = None,
        *,
        wanted: dict[str, Any] | None = None,
        code: int = httpx.codes.OK,
    ) -> T:
        """Any route; ``path`` is below the API's root, ``wanted`` its parameters (None: not given), ``code`` what it
        answers when all is well."""
        answer: T = self._decode(self.fetch(method, path, wanted, body, code), type_)
        return answer

    def get(self, path: str) -> Any:
        """Any answer as plain values; ``path`` is below the API's root: ``/status``."""
        return self._decode(self.fetch("GET", path), Any)

    def fetch(
        self,
        method: str,
        path: str,
        wanted: dict[str, Any] | None = None,
        body: msgspec.Struct | None = None,
        code: int = httpx.codes.OK,
    ) -> bytes:
        """The answer as it came."""
        given = {name: value for name, value in (wanted or {}).items() if value is not None}
        content = None if body is None else msgspec.json.encode(body)
        headers = None if body is None else {"Content-Type": "application/json"}
        try:
            answer = self._http.request(method, API + path, params=given, content=content, headers=headers)
        except httpx.ConnectError as error:
            raise NoAnswerError(self._nobody_there(error)) from None
        except httpx.TimeoutException:
            raise NoAnswerError(f"the collector at {self.address.url} does not answer in time; try again") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"{self.address.url}: {clean(str(error)) or type(error).__name__}") from None
        if answer.status_code != code:
            raise ClientError(self._refusal(answer))
        return answer.content

    def _decode(self, content: bytes, type_: Any) -> Any:
        try:
            return msgspec.json.decode(content, type=type_)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ClientError(
                f"the collector at {self.address.url} answers what this forewarn does not understand"
                f" ({clean(str(error))}); use the same release on both sides"
            ) from None

    def _nobody_there(self, error: httpx.ConnectError) -> str:
        data = self.address.data
        if data is None:
            return f"no collector answers at {self.address.url}: {clean(str(error))}"
        return f"the collector on {data} has ended ({self.address.url}); start it with: forewarn up --data {data}"

    def _refusal(self, answer: httpx.Response) -> str:
        where = f"the collector at {self.address.url}"
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            if self.address.data is not None:
                return f"{where} is not the one of {self.address.data}; start yours: forewarn up --data ..."
            if not self.address.token:
                return f"{where}: user or password is wrong"
            return f"{where} refuses the token in {self.address.source}; log in anew, or name another token"
        try:
            detail = clean(str(answer.json()["detail"]))
        except (ValueError, KeyError, TypeError):
            detail = ""
        if answer.status_code in SAID_PLAINLY and detail:
            return detail
        return f"{where} answers {answer.status_code}" + (f": {detail}" if detail else "; is it a collector?")


def _trust(address: Address) -> ssl.SSLContext | bool:
    """Whose certificate is believed; True: what this machine believes anyway. Raise ClientError."""
    if address.authority is None and address.certificate is None:
        return True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if address.certificate is not None:
            # The certificate itself is the anchor, though it signed nothing; so its name proves nothing more.
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=address.certificate)
        else:
            context.load_verify_locations(cafile=address.authority)
    except (OSError, ValueError) as error:
        raise ClientError(f"{address.authority or address.source}: no certificate that serves ({error})") from None
    return context
