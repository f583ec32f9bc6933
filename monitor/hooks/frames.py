"""Messages between Kedge and a hook's process: a length, a JSON header, bytes behind it.

    4 bytes   the length of all that follows
    4 bytes   the length of the header
    header    a JSON object
    rest      bytes, for captured lines

Standard library alone: each hook's process imports it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

LENGTH = struct.Struct(">I")
PROGRESS = struct.Struct(">Q")
"""What the shared page holds: the line that is being worked on, 0 for none."""


def encode(header: Mapping[str, Any], rest: bytes = b"") -> bytes:
    """One message."""
    head = json.dumps(header, separators=(",", ":")).encode()
    return LENGTH.pack(LENGTH.size + len(head) + len(rest)) + LENGTH.pack(len(head)) + head + rest


def decode(body: bytes) -> tuple[dict[str, Any], bytes]:
    """A message without its first length.

    Raises:
        ValueError: it is none.
    """
    if len(body) < LENGTH.size:
        raise ValueError("a message without a header")
    (length,) = LENGTH.unpack_from(body)
    end = LENGTH.size + length
    header = json.loads(body[LENGTH.size : end])
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    return header, body[end:]
