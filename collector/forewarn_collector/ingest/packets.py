"""MQTT 5 packets out of a byte stream. The codec itself is the ``mqtt5`` package; this is its only importer's helper.

Source: MQTT 5.0, OASIS standard, section 2.1.4 (remaining length).
"""

from collections.abc import Iterator

import mqtt5


class PacketTooLarge(ValueError):
    """The announced length is above the limit; raised before the packet is buffered."""


class MalformedPacket(ValueError):
    """The bytes are not MQTT 5."""


class Framer:
    """Feed it bytes, take packets. Memory is bounded by ``limit`` plus one read of the socket."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[mqtt5.Packet]:
        """Yield each whole packet. Raise PacketTooLarge or MalformedPacket; the connection is then useless.

        Whoever stops early finds the packets that are left when feeding again, if only with no bytes.
        """
        buffer = self._buffer
        buffer += data
        position, end = 0, len(buffer)
        try:
            with memoryview(buffer) as whole:
                while position < end:
                    try:
                        packet, size = mqtt5.read(whole[position:])
                    except IndexError:
                        self._check_length(position)
                        break
                    except ValueError as error:
                        self._check_length(position)
                        raise MalformedPacket(str(error)) from None
                    except BaseException as error:
                        # mqtt5 0.8 panics over a string that is not UTF-8, and a panic is not an Exception.
                        if type(error).__name__ != "PanicException":
                            raise
                        raise MalformedPacket("a string is not UTF-8") from None
                    if size > self.limit:
                        self._check_length(position)
                    position += size
                    yield packet
        finally:
            del buffer[:position]

    def rest(self, most: int) -> bytes:
        """The beginning of what was fed and not taken: after an error, the packet that is to blame."""
        return bytes(self._buffer[:most])

    def _check_length(self, position: int) -> None:
        length = 0
        for offset in range(1, 5):
            if position + offset >= len(self._buffer):
                return
            byte = self._buffer[position + offset]
            length |= (byte & 0x7F) << (7 * (offset - 1))
            if length > self.limit:
                raise PacketTooLarge(f"packet of {length} bytes; the limit is {self.limit}")
            if not byte & 0x80:
                return
