"""Every message survives the way to the other side."""

from __future__ import annotations

import math
import typing

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.api import AttachReceipt, Capabilities, Chunk, LoaderInfo, Logits, ModelInfo, Verdict
from desktop.engine import messages
from desktop.engine.messages import (
    Cancel,
    Event,
    Failure,
    Finished,
    GenerateResult,
    Piece,
    Request,
    encoder,
    event_decoder,
    request_decoder,
)

REQUESTS = typing.get_args(Request)
EVENTS = typing.get_args(Event)
RESULTS = (AttachReceipt, Capabilities, GenerateResult, LoaderInfo, Logits, ModelInfo, Verdict)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def values(kind):
    """A strategy for a type as messages use it."""
    if isinstance(kind, msgspec.inspect.StructType):
        return structs(kind.cls)
    match type(kind).__name__:
        case "IntType":
            low = kind.ge if kind.ge is not None else -(2**63)
            high = kind.le if kind.le is not None else kind.lt - 1 if kind.lt is not None else 2**63 - 1
            return st.integers(low, high)
        case "FloatType":
            low = kind.ge if kind.ge is not None else kind.gt
            high = kind.le if kind.le is not None else kind.lt
            ends = {"exclude_min": kind.gt is not None, "exclude_max": kind.lt is not None}
            return st.floats(low, high, allow_nan=False, **ends)
        case "StrType":
            return st.text()
        case "BytesType":
            return st.binary()
        case "BoolType":
            return st.booleans()
        case "NoneType":
            return st.none()
        case "AnyType":
            return json_values
        case "RawType":
            return json_values.map(encoder.encode).map(msgspec.Raw)
        case "LiteralType":
            return st.sampled_from(kind.values)
        case "VarTupleType":
            return st.lists(values(kind.item_type), max_size=3).map(tuple)
        case "DictType":
            return st.dictionaries(values(kind.key_type), values(kind.value_type), max_size=3)
        case "UnionType":
            return st.one_of([values(each) for each in kind.types])
    raise NotImplementedError(kind)


def structs(cls):
    fields = msgspec.inspect.type_info(cls).fields
    return st.builds(cls, **{field.name: values(unwrapped(field.type)) for field in fields})


def unwrapped(kind):
    return kind.type if isinstance(kind, msgspec.inspect.Metadata) else kind


def without_raw(event):
    return (event.job, bytes(event.result)) if isinstance(event, Finished) else event


@given(st.one_of([structs(cls) for cls in REQUESTS]))
def test_requests_round_trip(message):
    assert request_decoder().decode(encoder.encode(message)) == message


@given(st.one_of([structs(cls) for cls in EVENTS]))
def test_events_round_trip(message):
    assert without_raw(event_decoder().decode(encoder.encode(message))) == without_raw(message)


@pytest.mark.parametrize("cls", RESULTS)
def test_results_round_trip(cls):
    @given(structs(cls))
    def check(value):
        assert msgspec.msgpack.decode(encoder.encode(value), type=cls) == value

    check()


def test_every_struct_of_the_module_is_one_of_those():
    """A new message must be put into one of the unions, or nobody could read it."""
    parts = {messages.Ask, messages.Failure, messages.LoaderRef, messages.GenerateResult, messages.Segment}
    there = {cls for cls in vars(messages).values() if isinstance(cls, type) and issubclass(cls, msgspec.Struct)}
    ours = {cls for cls in there if cls.__module__ == messages.__name__}
    assert ours == {*REQUESTS, *EVENTS, *parts}


def test_tags_are_unique_on_each_side():
    for union in (REQUESTS, EVENTS):
        tags = [cls.__struct_config__.tag for cls in union]
        assert len(set(tags)) == len(tags)


@given(st.binary(max_size=200))
def test_garbage_is_a_decode_error_and_nothing_worse(data):
    for decoder in (request_decoder(), event_decoder()):
        try:
            decoder.decode(data)
        except msgspec.DecodeError:
            pass


def test_a_message_of_the_other_side_is_not_taken():
    with pytest.raises(msgspec.ValidationError):
        event_decoder().decode(encoder.encode(Cancel(1)))


def test_subclasses_of_plain_values_are_sent_as_what_they_are():
    class Version(str):
        pass

    sent = encoder.encode(Piece(1, Chunk(text=Version("2.13.0"))))
    assert event_decoder().decode(sent) == Piece(1, Chunk(text="2.13.0"))


def test_what_is_no_plain_value_is_refused_in_words():
    with pytest.raises(TypeError, match="object can't be sent"):
        encoder.encode(Failure(kind="bug", message=object()))


@pytest.mark.parametrize(
    ("tokens", "seconds", "speed"), [(0, 0.0, None), (1, 0.0, None), (2, 0.5, 2.0), (11, 2.0, 5.0), (2, 0.0, None)]
)
def test_the_speed_counts_the_tokens_after_the_first(tokens, seconds, speed):
    result = GenerateResult(
        finish_reason="stop", prompt_tokens=1, generated_tokens=tokens, prompt_seconds=9.0, decode_seconds=seconds
    )
    assert result.tokens_per_second == speed
    assert speed is None or math.isfinite(speed)
