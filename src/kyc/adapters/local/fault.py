"""What the local cloud refuses, with the code that EC2 has for it."""

from __future__ import annotations


class Fault(Exception):  # noqa: N818  # the provider's word; kyc's own errors are made of it on the other side
    """A refusal: `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


HALTED = "halted by itself"  # how the end of an instance begins that nobody ended
NO_CAPACITY = "InsufficientInstanceCapacity"
NO_QUOTA = "MaxSpotInstanceCountExceeded"
UNKNOWN_INSTANCE = "InvalidInstanceID.NotFound"
BAD_REQUEST = "InvalidParameterValue"
UNSUPPORTED = "UnsupportedOperation"
