"""What Model Monitor's complaints mean, and what an owner does about them."""

from __future__ import annotations

_MEANINGS = (
    (
        ("no s3 objects found", "job inputs had no data", "no data"),
        "no captures lay where the job looked; 'kedge doctor' says what lies there instead "
        "(no traffic, capture off, another variant, a double slash in the prefix)",
    ),
    (
        ("encoding mismatch", "only support same type"),
        "captures of one hour have different encodings, or BASE64; list the content types in "
        "CaptureContentTypeHeader of the endpoint config. Kedge itself reads all of them",
    ),
    (
        ("outofmemory", "out of memory", "exit code 137"),
        "the job had too little memory; give it a larger instance. Kedge itself needs none",
    ),
    (
        ("maxruntime", "max runtime", "timed out"),
        "the job ran into MaxRuntimeInSeconds; give it more time or a larger instance",
    ),
    (
        ("accessdenied", "access denied", "not authorized"),
        "the schedule's role lacks a permission; 'kedge doctor' names those that are needed",
    ),
)
LONGEST = 1024


def explained(reason: str) -> str:
    """A failure's reason in AWS's words, and behind it what it means, where that is known.

    >>> explained("Encoding mismatch")[:50]
    'Encoding mismatch (captures of one hour have diffe'
    """
    said = " ".join(reason.split())[:LONGEST]
    lower = said.lower()
    meaning = next((text for marks, text in _MEANINGS if any(mark in lower for mark in marks)), None)
    return said if meaning is None else f"{said} ({meaning})"
