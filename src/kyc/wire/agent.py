"""What agent and master say to each other over one WebSocket: JSON text frames, each one message with its version.

The master states what it wants (`Desire`), whole, whenever it changes and at each connection: a lost frame costs time,
never correctness. The agent tells facts (`Fact`) numbered 1, 2, 3..., with a gap where the agent itself was started
again; it keeps each until the master has acknowledged it, and tells it again after a reconnection. `Pulse` is the
heartbeat: newest wins, not numbered, not kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec

from kyc.domain.errors import InvalidInputError
from kyc.domain.interruption import Notice
from kyc.domain.snapshot import StreamAccess
from kyc.wire.replica import Identity, ReplicaFact, ReplicaLoad, ReplicaOrder
from kyc.wire.text import legible

PROTOCOL_VERSION = 1


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=False):
    """What all messages share."""

    v: int = PROTOCOL_VERSION


# --- over HTTP: the shapes of wire.api as an agent sees them, without loading all the others -------------------------


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent enrols with (`EnrolRequest`)."""

    token: str
    secret: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a request was refused with (`Problem`)."""

    title: str = ""
    detail: str = ""
    next_step: str = ""


# --- master to agent -------------------------------------------------------------------------------------------------


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent's instance has to do for one attempt of a job.

    `phase`: `prepare` (fetch files, run set-up, follow the predecessor's snapshots, then wait), `run` (open the epoch,
    fetch the last difference, start), `release` (stop the work, flush, say so). `epoch` counts from `run` on.
    """

    attempt: str
    workload: str
    phase: str
    epoch: int
    run: str
    setup: str
    envs: dict[str, str]
    keep: list[str]
    on_interrupt: str
    progress: str
    stop_grace_s: float
    snapshot_interval_s: float
    archive: str | None
    stream: StreamAccess
    key: str  # of the workload's chunks, base64
    reason: str = ""
    snapshot_bytes_per_s: float = 0
    snapshot_paranoid: bool = False


class Desire(Message, frozen=True, kw_only=True, tag="desire"):
    """All that the master wants of this instance now: a job's attempt (None: none), replicas. `revision` only grows.

    With an `identity` replicas are reached by mutual TLS only.
    """

    revision: int
    assignment: Assignment | None
    replicas: list[ReplicaOrder] = []
    identity: Identity | None = None


class Ack(Message, frozen=True, kw_only=True, tag="ack"):
    """Every fact up to this number is stored."""

    upto: int


# --- agent to master -------------------------------------------------------------------------------------------------


class Pulse(Message, frozen=True, kw_only=True, tag="pulse"):
    """The heartbeat, once a second: load of the whole instance (shares 0 to 1), and how much is not yet safe."""

    at: datetime
    cpu: float
    memory: float
    disk: float
    gpu: float | None = None
    attempt: str | None = None
    dirty_bytes: int | None = None
    dirty_since: datetime | None = None
    flush_estimate_s: float | None = None
    replicas: list[ReplicaLoad] = []


class Told(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """What all facts share: when it happened, by the instance's clock."""

    at: datetime


class Noticed(Told, frozen=True, kw_only=True, tag="noticed"):
    """The provider announced something."""

    notice: Notice


class Printed(Told, frozen=True, kw_only=True, tag="printed"):
    """The work printed whole lines."""

    attempt: str
    text: str


class Progressed(Told, frozen=True, kw_only=True, tag="progressed"):
    """The work's own words matched `progress`: steps `first`..`step` were finished since the last such fact."""

    attempt: str
    first: int
    step: int
    total: int | None = None


class Committed(Told, frozen=True, kw_only=True, tag="committed"):
    """A snapshot is in the stream. `flushed`: it was the last, taken after the work had stopped.

    `missed`: files that could not be read whole, and, once each, what is no file, with the reason.
    """

    attempt: str
    epoch: int
    sequence: int
    files: int
    bytes: int
    sent_bytes: int
    took_s: float
    flushed: bool
    missed: list[str] = []
    rpo_s: float = 0  # how long the oldest change in it had been unsafe
    dirty_bytes: int = 0  # what changed again meanwhile


class Restored(Told, frozen=True, kw_only=True, tag="restored"):
    """A restore began (`done` False) or ended. `sequence` None: there was no snapshot, so nothing to restore."""

    attempt: str
    done: bool
    sequence: int | None
    files: int = 0
    bytes: int = 0
    fetched_bytes: int = 0
    took_s: float = 0


class Prepared(Told, frozen=True, kw_only=True, tag="prepared"):
    """Ready to start at once."""

    attempt: str


class Started(Told, frozen=True, kw_only=True, tag="started"):
    """The work runs. `sequence` is the snapshot it went on from, None from scratch.

    `final_delta_bytes` were fetched after the predecessor had flushed: what came before that cost no pause.
    """

    attempt: str
    epoch: int
    pid: int
    sequence: int | None
    final_delta_bytes: int = 0


class Released(Told, frozen=True, kw_only=True, tag="released"):
    """The work was stopped by us and everything it had is in the stream (`missed`: but for these)."""

    attempt: str
    missed: list[str] = []
    stopped_at: datetime | None = None  # when the work's process had ended; None: none ran here


class Exited(Told, frozen=True, kw_only=True, tag="exited"):
    """The work ended by itself; its last files are in the stream. `stage` is `setup` or `run`."""

    attempt: str
    stage: str
    code: int
    missed: list[str] = []


class Fenced(Told, frozen=True, kw_only=True, tag="fenced"):
    """A higher epoch is open: the work here was killed."""

    attempt: str
    epoch: int


class Troubled(Told, frozen=True, kw_only=True, tag="troubled"):
    """Something the agent cannot mend alone; it goes on trying where that can help. `fatal`: it gave up.

    One that lasts is told once a minute; `over`: it has ended.
    """

    attempt: str | None
    what: str
    next_step: str = ""
    fatal: bool = False
    over: bool = False


AttemptFact = Printed | Progressed | Committed | Restored | Prepared | Started | Released | Exited | Fenced | Troubled
AnyFact = Noticed | AttemptFact | ReplicaFact


class Fact(Message, frozen=True, kw_only=True, tag="fact"):
    """A numbered fact; kept by the agent until acknowledged."""

    number: int
    fact: AnyFact


FromAgent = Pulse | Fact
FromMaster = Desire | Ack

_encoder = msgspec.json.Encoder()
_from_agent: msgspec.json.Decoder[FromAgent] = msgspec.json.Decoder(FromAgent)
_from_master: msgspec.json.Decoder[FromMaster] = msgspec.json.Decoder(FromMaster)


def frame(message: Message) -> str:
    """Return the message as the text of one frame; names of files that are not UTF-8 become legible ones."""
    try:
        return _encoder.encode(message).decode()
    except UnicodeEncodeError:
        return _encoder.encode(_legible(msgspec.to_builtins(message))).decode()


def read_from_agent(text: str | bytes) -> FromAgent:
    """Return the agent's message; raise InvalidInputError for anything else, or another version."""
    return _checked(_from_agent, text)


def read_from_master(text: str | bytes) -> FromMaster:
    """Return the master's message; raise InvalidInputError for anything else, or another version."""
    return _checked(_from_master, text)


def _legible(value: object) -> object:
    match value:
        case str():
            return legible(value)
        case list():
            return [_legible(one) for one in value]
        case dict():
            return {key: _legible(one) for key, one in value.items()}
        case _:
            return value


M = TypeVar("M", bound=Message)


def _checked(decoder: msgspec.json.Decoder[M], text: str | bytes) -> M:
    try:
        message = decoder.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInputError(f"not a message of this protocol: {error}") from error
    if message.v != PROTOCOL_VERSION:
        raise InvalidInputError(
            f"the other side speaks version {message.v} of the protocol, this one {PROTOCOL_VERSION}",
            next_step="Run the same version of kyc on both sides.",
        )
    return message
