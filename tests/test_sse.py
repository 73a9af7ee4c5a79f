import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import sse
from appliance.errors import MessageTooLarge
from appliance.sse import LineDecoder, SseDecoder, SseEvent

TRANSCRIPT = (
    b"\xef\xbb\xbf: welcome\r\n\r\n"
    b'id: 7\r\nevent: content\r\ndata: {"a": 1}\r\n\r\n'
    b"data:first\rdata: second\rdata\r\r"
    b"retry: 1500\nretry: soon\nunknown: field\n\n"
    b"event: lonely\n\n"
    b"id: a\0b\ndata:  two blanks \xc3\xa9\n\n"
)
EVENTS = [
    SseEvent(b'{"a": 1}', "content", "7"),
    SseEvent(b"first\nsecond\n", "message", "7"),
    SseEvent(" two blanks é".encode(), "message", "7"),
]


def decode(*chunks: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()


def test_whole_transcript_gives_its_events_and_the_retry_time():
    decoder = SseDecoder()
    assert decoder.feed(TRANSCRIPT) == EVENTS
    assert decoder.retry_ms == 1500
    assert decoder.last_event_id == "7"


def test_every_cut_in_two_gives_the_same_events():
    for cut in range(len(TRANSCRIPT) + 1):
        assert decode(TRANSCRIPT[:cut], TRANSCRIPT[cut:]) == EVENTS, cut


def test_byte_by_byte_gives_the_same_events():
    assert decode(*(TRANSCRIPT[i : i + 1] for i in range(len(TRANSCRIPT)))) == EVENTS


def test_empty_chunks_change_nothing():
    chunks = [piece for i in range(len(TRANSCRIPT)) for piece in (b"", TRANSCRIPT[i : i + 1])]
    assert decode(*chunks) == EVENTS


def test_event_without_its_blank_line_comes_from_close_only():
    decoder = SseDecoder()
    assert decoder.feed(b"data: cut") == []
    assert decoder.close() == [SseEvent(b"cut")]
    assert decoder.close() == []


def test_a_line_over_the_bound_is_refused_whether_it_ends_or_not():
    for end in (b"", b"\n"):
        decoder = SseDecoder(bytes_max=20)
        with pytest.raises(MessageTooLarge, match="20 bytes"):
            decoder.feed(b"data: " + b"x" * 20 + end)


def test_an_event_of_many_lines_over_the_bound_is_refused():
    decoder = SseDecoder(bytes_max=100)
    with pytest.raises(MessageTooLarge, match="100 bytes"):
        decoder.feed(b"data: 0123456789\n" * 20)


def test_many_events_that_together_exceed_the_bound_are_fine():
    decoder = SseDecoder(bytes_max=20)
    assert len(decoder.feed(b"data: 0123456789\n\n" * 20)) == 20


def test_a_long_line_in_single_bytes_is_joined_once():
    decoder = LineDecoder()
    assert not any(decoder.feed(b"x") for _ in range(100_000))
    assert decoder.feed(b"\n") == [b"x" * 100_000]


def test_encoder_writes_all_fields():
    wire = sse.encode('{"x":1}', event="content", id="12", retry_ms=500)
    assert wire == b'id: 12\nevent: content\nretry: 500\ndata: {"x":1}\n\n'


def test_encoder_refuses_a_line_end_in_a_name():
    with pytest.raises(ValueError, match="line end"):
        sse.encode("x", event="a\nb")
    with pytest.raises(ValueError, match="line end"):
        sse.encode("x", id="a\0b")


def test_a_comment_is_no_event():
    assert sse.comment("still\nhere") == b": still\n: here\n\n"
    assert decode(sse.comment(), sse.comment("ping")) == []


names = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(data=st.text(st.characters(exclude_categories=["Cs"])), event=names, cut=st.integers(0, 50))
def test_what_is_encoded_is_decoded_again(data: str, event: str, cut: int):
    wire = sse.encode(data, event=event)
    normal = data.replace("\r\n", "\n").replace("\r", "\n")
    assert decode(wire[:cut], wire[cut:]) == [SseEvent(normal.encode(), event or "message")]
