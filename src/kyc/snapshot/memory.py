"""Giving what a pass or a restore has freed back to the system; glibc would keep it for the next one."""

from __future__ import annotations


def give_back() -> None:
    """Give back what is free; does nothing where the C library is not glibc."""
    import ctypes  # noqa: PLC0415  # 0.7 MB, for those only who have had much more

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
