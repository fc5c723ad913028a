"""librdkafka's errors as ours, and what a client last said about the connection while a call of it waited."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from kyc.domain.errors import (
    CredentialError,
    FencedError,
    InvalidInputError,
    KycError,
    NotFoundError,
    OutOfSpaceError,
    UnreachableError,
)

T = TypeVar("T")

FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
NO_TOPIC = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION}
PURGED = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}
_TRY_AGAIN = "If it goes on, look at the brokers."
_SILENT = {KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN}
_SIGN_IN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL}
_RIGHTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
_REFUSED_FOR_GOOD = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
}


def is_worth_repeating(error: KafkaError) -> bool:
    """Say whether a write that failed so may succeed when it is sent again."""
    return error.code() not in NO_TOPIC | PURGED | _SIGN_IN | _RIGHTS | _REFUSED_FOR_GOOD | FENCED


_MEANINGS: tuple[tuple[set[int], type[KycError], str], ...] = (
    (_SIGN_IN, CredentialError, "Check the user, the password, sasl.mechanism and the CA of the URL."),
    (_RIGHTS, CredentialError, "Grant the user the rights that docs/streams.md lists."),
    (NO_TOPIC, NotFoundError, "If somebody deleted the topic, its snapshots are gone: start anew."),
    (FENCED, FencedError, "Another instance works on it now: stop."),
    (
        {KafkaError.INVALID_REPLICATION_FACTOR},
        InvalidInputError,
        "Ask for fewer copies (?replication=1), or add brokers.",
    ),
    ({KafkaError.RESOURCE_NOT_FOUND}, NotFoundError, ""),
    ({KafkaError.MSG_SIZE_TOO_LARGE}, InvalidInputError, "Raise max.message.bytes of the topic to 1048588."),
    ({KafkaError.KAFKA_STORAGE_ERROR}, OutOfSpaceError, "Look at the broker's disk: it is full or failing."),
)


def client_of(kind: Callable[[dict[str, object]], T], settings: dict[str, object]) -> T:
    """Make one of librdkafka's clients; InvalidInputError if it refuses the settings: a file that is not there."""
    try:
        return kind(settings)
    except KafkaException as failed:
        raise InvalidInputError(
            f"the kafka:// URL cannot be used: {failed.args[0].str()}", next_step="Look at its options."
        ) from failed


def translate(error: KafkaError, doing: str) -> KycError:
    """Return our error for librdkafka's; `doing` says what failed, as in 'reading x'."""
    text = f"{doing} failed: {error.str()} ({error.name()})"
    for codes, meaning, next_step in _MEANINGS:
        if error.code() in codes:
            return meaning(text, next_step=next_step)
    return UnreachableError(text, next_step=_TRY_AGAIN)


class Trouble:
    """The `error_cb` of one client: remembers why it cannot connect. It runs in the thread that polls the client."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Note an error that belongs to no call."""
        if self.refused is None:
            self.last = error

    def translate(self, error: KafkaError, doing: str) -> KycError:
        """Return our error for that of a call: where nobody answered, with what is known of the reason."""
        return self.timed_out(doing) if error.code() in _SILENT else translate(error, doing)

    @property
    def refused(self) -> KafkaError | None:
        """The cluster's refusal of our credentials, if that was it."""
        return self.last if self.last is not None and self.last.code() in _SIGN_IN else None

    def is_final(self, topic: str) -> bool:
        """Say whether waiting on is of no use to a reader of the topic: we are refused, or there is no such topic."""
        last = self.last
        return last is not None and (
            last.code() in _SIGN_IN or (last.code() in NO_TOPIC and last.str().startswith(topic))
        )

    def timed_out(self, doing: str, topic: str = "") -> KycError:
        """Return the error for a call that got no answer in its time; `topic` is what it wanted to read."""
        if self.last is not None and (self.refused or (topic and self.is_final(topic))):
            return translate(self.last, doing)
        why = f": {self.last.str()}" if self.last is not None else ""
        return UnreachableError(f"{doing}: Kafka does not answer{why}", next_step=_TRY_AGAIN)
