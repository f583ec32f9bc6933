"""Unpack gzip by its magic bytes, member after member, never much more than a limit in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass

from isal import isal_zlib

from monitor.capture.rejects import NONE, RejectKind, Rejects, one

MAGIC = b"\x1f\x8b"
_STEP = 1 << 14
"""Packed bytes unpacked at a time: deflate makes at most 1032 times as many of them."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The bytes that could be had, and what was wrong with the object as a whole.

    Of a stream that breaks off or is damaged, `data` is what came out before the fault.
    """

    data: bytes
    rejects: Rejects = NONE


def gunzip(data: bytes, limit: int) -> Unpacked:
    """`data` unpacked if it is gzip, else as it is; refused whole where it would exceed `limit` bytes."""
    if not data.startswith(MAGIC):
        return Unpacked(data) if len(data) <= limit else _too_large(limit)
    unpacked = io.BytesIO()
    whole = _unpack(memoryview(data), unpacked, limit)
    if unpacked.tell() > limit:
        return _too_large(limit)
    detail = "the gzip stream is damaged or breaks off: upload the object again"
    return Unpacked(unpacked.getvalue(), NONE if whole else one(RejectKind.BAD_GZIP, detail))


def _unpack(packed: memoryview, unpacked: io.BytesIO, limit: int) -> bool:
    """Unpack member after member until the end, the limit or a fault; whether every member was whole.

    Zeros after the last member are padding, as gzip has it.
    """
    at = 0
    while at < len(packed) and unpacked.tell() <= limit:
        if packed[at] == 0:
            return not any(packed[at:])
        member = isal_zlib.decompressobj(wbits=31)
        try:
            while not member.eof and at < len(packed) and unpacked.tell() <= limit:
                step = packed[at : at + _STEP]
                unpacked.write(member.decompress(step))
                at += len(step) - len(member.unused_data)
        except isal_zlib.error:  # type: ignore[misc]  # its stub declares an instance
            return False
        if not member.eof:
            return False
    return True


def _too_large(limit: int) -> Unpacked:
    detail = f"the object holds more than {limit:,} bytes unpacked: write smaller objects"
    return Unpacked(b"", one(RejectKind.TOO_LARGE, detail))
