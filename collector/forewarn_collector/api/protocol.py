"""Connections that send nothing, send slowly or do not read their answer are ended: uvicorn itself waits for ever."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 20.0
READING_SECONDS = 60.0


class PatientProtocol(H11Protocol):
    """Patient, but not for ever."""

    header_seconds = HEADER_SECONDS
    reading_seconds = READING_SECONDS

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._header_due: asyncio.TimerHandle | None = None
        self._reading_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._header_due, self._reading_due):
            if timer:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_due = self.loop.call_later(self.reading_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading_due:
            self._reading_due.cancel()

    def _watch(self) -> None:
        """A header is due within a time, from the end of the last answer on."""
        if self.cycle is not None and not self.cycle.response_complete:
            if self._header_due:
                self._header_due.cancel()
            self._header_due = None
        elif self._header_due is None:
            self._header_due = self.loop.call_later(self.header_seconds, self.transport.abort)
