"""Texts that strangers wrote, made fit to be looked at."""

from __future__ import annotations

# Controls, and marks that turn the direction of what follows: `\u202egnp.exe` would read as `exe.png`.
_UNSEEN = [
    *range(0x09),
    *range(0x0B, 0x0D),
    *range(0x0E, 0x20),
    *range(0x7F, 0xA0),
    0x061C,
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
]
_VISIBLE = dict.fromkeys(_UNSEEN, "\ufffd")


def visible(text: str) -> str:
    """The text with a replacement character for each one that would be unseen or turn the text around."""
    return text.translate(_VISIBLE)
