"""A command that works once and ends: what it may ask of the machine, since nothing comes after it."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENAS = -1, -2, -3, -8
"""Parameters of mallopt(3)."""
_MIB = 1 << 20


def keep_freed_memory() -> None:
    """Have the C library keep what is freed for the next block of records.

    Else each block's arrays come from the kernel anew, page by page: a fifth of the time that reading takes.
    Where the C library is another than glibc, nothing happens.
    """
    with suppress(AttributeError, OSError):
        mallopt: Callable[[int, int], int] = ctypes.CDLL(None).mallopt
        for parameter, value in (
            (_MMAP_THRESHOLD, 32 * _MIB),
            (_TRIM_THRESHOLD, 1024 * _MIB),
            (_TOP_PAD, 16 * _MIB),
            (_ARENAS, 1),
        ):
            mallopt(parameter, value)


def program() -> None:
    """The `kedge` program: a command that works once ends when it has said all.

    Python would take polars and numpy apart first, which takes longer than many a check.
    """
    from commands import main

    once = sys.argv[1:2] in (["check"], ["analyze"])
    if once:  # objects are decoded beside each other, and threads of polars' own would be in their way
        os.environ.setdefault("POLARS_MAX_THREADS", "1")
    try:
        main()
    except SystemExit as ended:
        if not once or not isinstance(ended.code, int | None):
            raise
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # it was closed, or who read it has gone
                stream.flush()
        os._exit(ended.code or 0)
