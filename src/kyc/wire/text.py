"""Text for other machines and for people, of names that the kernel lets be any bytes."""

from __future__ import annotations


def legible(text: str) -> str:
    r"""Return the text with each byte that was not UTF-8 as `\xNN`, as `ls -b` and Python write it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
