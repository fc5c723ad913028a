"""What a machine must have, as a workload's spec has it, in words for people."""

from __future__ import annotations

from collections.abc import Mapping

from kyc.cli.words import number

Wish = Mapping[str, object]
_PLACE = ("cloud", "region", "zone", "instance_type", "arch")


def machine_words(wish: Wish) -> str:
    """Return one alternative of the resources: `4+ CPUs, 16+ GiB, A100:1, spot first`."""
    parts = [
        _amount(wish.get("vcpus"), "CPUs"),
        _amount(wish.get("memory_gib"), "GiB of memory"),
        _gpu(wish),
        *(str(wish[key]) for key in _PLACE if wish.get(key)),
    ]
    needs = [part for part in parts if part] or ["any machine"]
    return ", ".join([*needs, "spot first" if wish.get("use_spot", True) else "on-demand only", *_price(wish)])


def _amount(bound: object, unit: str) -> str:
    if not isinstance(bound, Mapping):
        return ""
    least, most = float(bound.get("least") or 0), bound.get("most")
    if most is None:
        return f"{number(least)}+ {unit}" if least else ""
    return f"{number(least)} {unit}" if float(most) == least else f"{number(least)}..{number(float(most))} {unit}"


def _gpu(wish: Wish) -> str:
    count = wish.get("gpu_count")
    return f"{wish.get('gpu') or 'GPU'}:{number(float(count))}" if isinstance(count, (int, float)) and count else ""


def _price(wish: Wish) -> list[str]:
    most = wish.get("max_price_usd_per_hour")
    return [] if most is None else [f"at most ${most}/h"]
