"""Sizes of files as a user reads them."""

from __future__ import annotations


def in_words(count: float) -> str:
    """Bytes as file managers say them: ``364 MB``."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}" if count < 100 * unit else f"{count / unit:.0f} {name}"
    return f"{count:.0f} bytes"
