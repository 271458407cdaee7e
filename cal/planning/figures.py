"""Figures of a plan in words: durations and sizes, each in the unit that fits."""

from __future__ import annotations

_TIMES = (("seconds", 1.0, 120.0), ("minutes", 60.0, 7_200.0), ("hours", 3_600.0, 172_800.0), ("days", 86_400.0, 0.0))


def duration(seconds: float) -> str:
    """A duration with its unit.

    Example:
        >>> duration(0.25), duration(95), duration(750), duration(9_000), duration(400_000)
        ('0.25 seconds', '95 seconds', '12 minutes', '2.5 hours', '4.6 days')
    """
    unit, size = next((unit, size) for unit, size, below in _TIMES if seconds < below or not below)
    return f"{_number(seconds / size)} {unit}"


def amount(n_bytes: float) -> str:
    """A number of bytes with its unit.

    Example:
        >>> amount(800), amount(410_000_000), amount(2_450_000_000)
        ('800 bytes', '410 MB', '2.5 GB')
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{_number(n_bytes / size)} {unit}"
    return f"{n_bytes:.0f} bytes"


def _number(value: float) -> str:
    """Two digits, or all before the point."""
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"
