"""Stretches of equal width at many places of a byte array: read and compared all at once.

numpy moves an item of any width as one piece, so a stretch of a hundred bytes costs little more than a byte.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


def stretches(array: Bytes, starts: Places, width: int) -> Bytes:
    """The `width` bytes from each start on, shape (starts, width); those after the array's end are zeros."""
    if not starts.size or not width:
        return np.zeros((starts.size, width), np.uint8)
    if int(starts.max()) + width > array.size:
        array = np.concatenate([array, np.zeros(width, np.uint8)])
    windows = np.ndarray((array.size - width + 1,), f"V{width}", array, strides=(1,))
    return windows[starts].view(np.uint8).reshape(-1, width)


def rows_equal(stretches: Bytes, text: bytes) -> Flags:
    """Of each row of an array of shape (rows, len(text)) whether it holds `text`."""
    same = stretches == np.frombuffer(text, np.uint8)
    return np.ones(len(same), np.bool_) if same.all() else same.all(axis=1)
