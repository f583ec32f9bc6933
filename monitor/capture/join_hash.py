"""A digest of join ids, so that a ledger of predictions need not keep the ids themselves."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import polars as pl

_LONGEST = 256
"""Ids up to so many bytes are hashed together; longer ones, which no known caller sends, one at a time."""

Words = npt.NDArray[np.uint64]


def hash_ids(ids: pl.Series) -> pl.Series:
    """Each id as 32 hexadecimal digits, the same on every machine and with every version of the libraries.

    128 bits: two murmur3-like lanes over the UTF-8 bytes, eight at a time. Not a secret: who knows an id can
    compute its digest. Null stays null.
    """
    texts = ids.fill_null("")
    lengths = texts.str.len_bytes()
    short = lengths <= _LONGEST
    digests = pl.Series(ids.name, _short(texts.filter(short), lengths.filter(short)), pl.String)
    if not short.all():
        long = pl.Series([_long(text) for text in texts.filter(~short)], dtype=pl.String)
        places = pl.concat([short.arg_true(), (~short).arg_true()])
        digests = pl.concat([digests, long]).gather(places.arg_sort())
    return digests.zip_with(ids.is_not_null(), pl.Series([None], dtype=pl.String))


def _short(ids: pl.Series, lengths: pl.Series) -> npt.NDArray[np.str_]:
    """The digests of ids of at most `_LONGEST` bytes."""
    if ids.is_empty():
        return np.array([], dtype="U32")
    size = lengths.to_numpy().astype(np.uint64)
    width = max(1, -(-int(size.max()) // 8))
    words = np.array(ids.cast(pl.Binary).to_list(), dtype=f"S{8 * width}").view("<u8").reshape(-1, width)
    lanes = np.stack([_lane(words, size, seed) for seed in (0x243F6A8885A308D3, 0x13198A2E03707344)], axis=1)
    digits = np.ascontiguousarray(lanes.astype(">u8")).tobytes().hex().encode()
    return np.frombuffer(digits, dtype="S32").astype("U32")


def _lane(words: Words, size: Words, seed: int) -> Words:
    """64 bits: the length, then each word that the id has, mixed in one after the other."""
    lane = _mixed(size ^ np.uint64(seed))
    for position in range(words.shape[1]):
        lane = np.where(size > 8 * position, _mixed(lane * np.uint64(5) ^ words[:, position]), lane)
    return lane


def _mixed(lane: Words) -> Words:
    """The finaliser of MurmurHash3 (public domain, Austin Appleby): every bit reaches every other."""
    lane = (lane ^ (lane >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    lane = (lane ^ (lane >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return lane ^ (lane >> np.uint64(33))


def _long(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
