"""A 64-bit hash of texts, the same on every machine and in every version, without a loop over texts."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_LONG = 256  # bytes; longer texts are few, and a padded matrix of them would be large
_CHUNK = 16384  # texts at a time, which bounds the matrix at 4 MiB
_SEED = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def hash_texts(texts: pl.Series) -> Hashes:
    """The hash of the UTF-8 bytes of each text of a String series without nulls, shape (len(texts),)."""
    texts = texts.alias("texts")  # polars takes some names for patterns
    lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    hashes = np.empty(len(texts), dtype=np.uint64)
    short = np.flatnonzero(lengths <= _LONG)
    for start in range(0, short.size, _CHUNK):
        where = short[start : start + _CHUNK]
        hashes[where] = _hash_short(texts[where], lengths[where])
    for index in np.flatnonzero(lengths > _LONG).tolist():
        digest = hashlib.blake2b(texts[index].encode(), digest_size=8).digest()
        hashes[index] = np.frombuffer(digest, "<u8")[0]
    return hashes


def mix(hashes: Hashes) -> Hashes:
    """Spreads each bit of a 64-bit number over all of it (the finaliser of splitmix64)."""
    first, second = _MULTIPLIERS
    hashes = (hashes ^ (hashes >> np.uint64(30))) * first
    hashes = (hashes ^ (hashes >> np.uint64(27))) * second
    return hashes ^ (hashes >> np.uint64(31))


def _hash_short(texts: pl.Series, lengths: NDArray[np.int64]) -> Hashes:
    words = _words(texts, lengths)
    hashes = mix(lengths.astype(np.uint64) + _SEED)
    for position in range(words.shape[1]):
        mixed = mix(hashes ^ words[:, position]) + _SEED
        hashes = np.where(lengths > 8 * position, mixed, hashes)
    return hashes


def _words(texts: pl.Series, lengths: NDArray[np.int64]) -> Hashes:
    """The bytes of each text, padded with zeros, as little-endian 64-bit words: shape (texts, words)."""
    width = -(-int(lengths.max(initial=0)) // 8) * 8
    matrix = np.zeros((len(texts), width), dtype=np.uint8)
    joined = texts.str.join("").item().encode()
    matrix[np.arange(width) < lengths[:, None]] = np.frombuffer(joined, np.uint8)
    return matrix.view("<u8").astype(np.uint64)
