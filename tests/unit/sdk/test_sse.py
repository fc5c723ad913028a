"""Server-sent events in any pieces."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from kyc.sdk.sse import EventParser, ServerEvent

STREAM = (
    b"retry: 1000\n\n: comment\n\nid: 1\nevent: log\ndata: {\ndata:  1}\n\ndata\n\n"
    b"id: 2\r\ndata: \xc3\xa4\r\n\r\nid\ndata: x\n\nid: 9\ndata: cut off"
)
EVENTS = [
    ServerEvent(id="1", event="log", data="{\n 1}"),
    ServerEvent(id="1", event="message", data=""),
    ServerEvent(id="2", event="message", data="ä"),
    ServerEvent(id="", event="message", data="x"),
]


@given(st.lists(st.integers(0, len(STREAM))))
def test_the_pieces_do_not_matter(cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), len(STREAM)]
    parser = EventParser()
    found = [event for start, end in itertools.pairwise(marks) for event in parser.feed(STREAM[start:end])]
    assert found == EVENTS


@given(st.lists(st.binary()))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    parser = EventParser()
    for piece in pieces:
        parser.feed(piece)
