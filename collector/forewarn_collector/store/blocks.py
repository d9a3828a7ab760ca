"""The block codec: the rows of one series and layout to bytes and back, column by column. Pure.

A block is: version byte; rows and columns; one directory entry (encoding, body length) for the times and each column;
the bodies; CRC-32 of all that. A reader skips the bodies of the columns that it does not want. Numbers in the frame
are LEB128 variable-length integers.

Every column gets the smallest of a few encodings, and an encoding is only a candidate if decoding gives back the very
same bits: measured values are decimals and counters that move little, so scaled integers and their differences take
few bytes; their bytes are transposed (all lowest bytes first), which lets deflate see the runs.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forewarn_collector.store.model import Floats

VERSION = 1

Times = NDArray[np.int64]

# Encodings. The low four bits say how values became integers, the others how the integers became bytes.
_RAW, _CONSTANT_INTEGER, _CONSTANT_FLOAT, _ALL_NULL, _INTEGER, _TENTHS, _HUNDREDTHS, _THOUSANDTHS = range(8)
_SCALES = {_INTEGER: 1, _TENTHS: 10, _HUNDREDTHS: 100, _THOUSANDTHS: 1000}
_KIND = 0x0F
_DIFFERENCES = 0x10
_DEFLATED = 0x20
_HAS_NULLS = 0x40

_LARGEST_INTEGER = 2.0**62
_CHECKSUM_BYTES = 4


class BlockError(ValueError):
    """Bytes that are not a block of a known version, or damaged ones; or values that a block cannot hold."""


def encode(times: Times, columns: Sequence[Floats]) -> bytes:
    """Pack times (milliseconds) and columns (nan = null) of equal length. Raise BlockError on an infinite value."""
    rows = len(times)
    if any(len(column) != rows for column in columns):
        raise BlockError("columns of unequal length")
    encoded = [_encode_integers(times.astype(np.int64, copy=False), _INTEGER)]
    encoded += _encode_columns(np.array(columns, dtype=np.float64).reshape(len(columns), rows))
    frame = bytearray([VERSION])
    _put_number(frame, rows)
    _put_number(frame, len(columns))
    for encoding, body in encoded:
        frame.append(encoding)
        _put_number(frame, len(body))
    frame += b"".join(body for _, body in encoded)
    return bytes(frame) + zlib.crc32(frame).to_bytes(_CHECKSUM_BYTES, "little")


def decode(block: bytes, wanted: Sequence[int] | None = None) -> tuple[Times, list[Floats]]:
    """Unpack the times and the wanted columns (by index; None: all of them), in the order asked for.

    Raise BlockError if the block is damaged or of an unknown version, IndexError if a column is not in it.
    """
    body = memoryview(block)[:-_CHECKSUM_BYTES]
    if not block or block[0] != VERSION:
        raise BlockError(f"block version {block[0] if block else None} is not {VERSION}")
    if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES, "little") != block[-_CHECKSUM_BYTES:]:
        raise BlockError("checksum does not match")
    rows, position = _get_number(block, 1)
    columns, position = _get_number(block, position)
    directory: list[tuple[int, int, int]] = []
    offset = 0
    for _ in range(columns + 1):
        encoding = block[position]
        length = block[position + 1]
        if length < 0x80:  # _get_number without the call: this loop is most of a short read
            position += 2
        else:
            length, position = _get_number(block, position + 1)
        directory.append((encoding, offset, offset + length))
        offset += length
    bodies = body[position:]
    encoding, start, end = directory[0]
    times = _decode_integers(encoding, bytes(bodies[start:end]), rows)
    decoded: list[Floats] = []
    for column in range(columns) if wanted is None else wanted:
        if not 0 <= column < columns:
            raise IndexError(f"column {column} of {columns}")
        encoding, start, end = directory[column + 1]
        decoded.append(_decode_column(encoding, bytes(bodies[start:end]), rows))
    return times, decoded


def _encode_columns(table: Floats) -> list[tuple[int, bytes]]:
    """Most columns hold one value all the time: these are found in one go."""
    bits = table.view(np.int64)
    alike = (bits == bits[:, :1]).all(axis=1) & np.isfinite(table[:, :1]).all(axis=1)
    return [
        _encode_constant(float(values[0])) if same and len(values) else _encode_column(values)
        for values, same in zip(table, alike.tolist(), strict=True)
    ]


def _encode_column(values: Floats) -> tuple[int, bytes]:
    nulls = np.isnan(values)
    if not nulls.any():
        return _encode_measured(values)
    if nulls.all():
        return _ALL_NULL, b""
    mask = zlib.compress(np.packbits(nulls).tobytes(), wbits=-15)
    encoding, body = _encode_measured(values[~nulls])
    frame = bytearray()
    _put_number(frame, len(mask))
    return encoding | _HAS_NULLS, bytes(frame) + mask + body


def _encode_measured(values: Floats) -> tuple[int, bytes]:
    if not len(values):
        return _RAW, b""
    if not np.isfinite(values).all():
        raise BlockError("an infinite value cannot be stored")
    bits = values.view(np.int64)
    if (bits == bits[0]).all():
        return _encode_constant(float(values[0]))
    with np.errstate(over="ignore"):
        for kind, scale in _SCALES.items():
            scaled = np.rint(values * scale)
            if not (np.abs(scaled) < _LARGEST_INTEGER).all():
                break
            integers = scaled.astype(np.int64)
            if (_unscale(integers, scale).view(np.int64) == bits).all():
                return _encode_integers(integers, kind)
    planes = np.ascontiguousarray(values.view(np.uint8).reshape(-1, 8).T).tobytes()
    return _deflated(_RAW, planes)


def _encode_constant(value: float) -> tuple[int, bytes]:
    integer = np.int64(value) if abs(value) < _LARGEST_INTEGER else np.int64(0)
    if np.float64(integer).tobytes() != np.float64(value).tobytes():
        return _CONSTANT_FLOAT, np.array([value], "<f8").tobytes()
    frame = bytearray()
    _put_signed(frame, int(integer))
    return _CONSTANT_INTEGER, bytes(frame)


def _unscale(integers: NDArray[np.int64], scale: int) -> Floats:
    floats = integers.astype(np.float64)
    return floats if scale == 1 else floats / scale


def _encode_integers(integers: NDArray[np.int64], kind: int) -> tuple[int, bytes]:
    """The smaller of the integers themselves and their differences: differences make noise longer, trends shorter."""
    if not len(integers):
        return kind, b""
    first = bytearray()
    _put_signed(first, int(integers[0]))
    moving = _deflated(kind | _DIFFERENCES, _planes(_zigzag(integers[1:] - integers[:-1])))
    moving = (moving[0], bytes(first) + moving[1])
    itself = _deflated(kind, _planes(_zigzag(integers)))
    return min(moving, itself, key=lambda candidate: len(candidate[1]))


def _decode_column(encoding: int, body: bytes, rows: int) -> Floats:
    if encoding & _KIND == _ALL_NULL:
        return np.full(rows, np.nan)
    if not encoding & _HAS_NULLS:
        return _decode_measured(encoding, body, rows)
    length, position = _get_number(body, 0)
    packed = np.frombuffer(zlib.decompress(body[position : position + length], wbits=-15), np.uint8)
    measured = np.unpackbits(packed, count=rows) == 0
    values = np.full(rows, np.nan)
    values[measured] = _decode_measured(encoding, body[position + length :], int(measured.sum()))
    return values


def _decode_measured(encoding: int, body: bytes, rows: int) -> Floats:
    kind = encoding & _KIND
    if kind == _CONSTANT_INTEGER:
        return np.full(rows, float(_get_signed(body, 0)[0]))
    if kind == _CONSTANT_FLOAT:
        return np.full(rows, np.frombuffer(body, "<f8")[0])
    if kind == _RAW:
        planes = np.frombuffer(_inflated(encoding, body), np.uint8).reshape(8, rows)
        return np.ascontiguousarray(planes.T).reshape(-1).view("<f8").astype(np.float64, copy=False)
    if kind not in _SCALES:
        raise BlockError(f"encoding {encoding} is unknown")
    return _unscale(_decode_integers(encoding, body, rows), _SCALES[kind])


def _decode_integers(encoding: int, body: bytes, rows: int) -> Times:
    if not rows:
        return np.empty(0, np.int64)
    if not encoding & _DIFFERENCES:
        return _unzigzag(_from_planes(_inflated(encoding, body), rows))
    differences = np.empty(rows, np.int64)
    differences[0], position = _get_signed(body, 0)
    differences[1:] = _unzigzag(_from_planes(_inflated(encoding, body[position:]), rows - 1))
    return np.cumsum(differences)


def _put_signed(frame: bytearray, number: int) -> None:
    _put_number(frame, number << 1 if number >= 0 else ~(number << 1))


def _get_signed(block: bytes, position: int) -> tuple[int, int]:
    number, position = _get_number(block, position)
    return number >> 1 ^ -(number & 1), position


def _zigzag(integers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Signed to unsigned so that small magnitudes stay small: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return ((integers << 1) ^ (integers >> 63)).view(np.uint64)


def _unzigzag(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & np.uint64(1)).view(np.int64)


def _planes(numbers: NDArray[np.uint64]) -> bytes:
    """As many bytes of each number as the largest needs, transposed: all lowest bytes first."""
    if not len(numbers):
        return b""
    width = max(1, (int(numbers.max()).bit_length() + 7) // 8)
    octets = numbers.astype("<u8", copy=False).view(np.uint8).reshape(-1, 8)
    return np.ascontiguousarray(octets[:, :width].T).tobytes()


def _from_planes(planes: bytes, rows: int) -> NDArray[np.uint64]:
    if not rows:
        return np.empty(0, np.uint64)
    width = len(planes) // rows
    if width == 1:  # most columns
        return np.frombuffer(planes, np.uint8).astype(np.uint64)
    octets = np.zeros((rows, 8), np.uint8)
    octets[:, :width] = np.frombuffer(planes, np.uint8).reshape(-1, rows).T
    return octets.reshape(-1).view("<u8").astype(np.uint64, copy=False)


def _deflated(encoding: int, plain: bytes) -> tuple[int, bytes]:
    deflated = zlib.compress(plain, 9, wbits=-15)
    return (encoding | _DEFLATED, deflated) if len(deflated) < len(plain) else (encoding, plain)


def _inflated(encoding: int, body: bytes) -> bytes:
    return zlib.decompress(body, wbits=-15) if encoding & _DEFLATED else body


def _put_number(frame: bytearray, number: int) -> None:
    while number > 0x7F:
        frame.append(number & 0x7F | 0x80)
        number >>= 7
    frame.append(number)


def _get_number(block: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and the position behind it."""
    number = shift = 0
    while (octet := block[position]) > 0x7F:
        number |= (octet & 0x7F) << shift
        shift += 7
        position += 1
    return number | octet << shift, position + 1
