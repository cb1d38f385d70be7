"""JSON as it comes, and never a word of it in an error."""

import json
import math
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leads.core import lenient_json
from leads.core.lenient_json import decode, encode_ascii, plain_text
from tests.unit.core.strategies import any_text, json_values


class TestDecode:
    @pytest.mark.parametrize(
        ("data", "value"),
        [
            (b"[]", []),
            (b' {"a": [1, 2.5, null, true]} \r\n', {"a": [1, 2.5, None, True]}),
            ('{"a": "é"}', {"a": "é"}),
            (b'"\\ud83d\\ude00"', "\U0001f600"),
            (b'"\\ud800"', "\ud800"),
            (b'{"\\udfff": "a\\ud800b"}', {"\udfff": "a\ud800b"}),
            (b'"\\u0000\\uffff"', "\x00\uffff"),
            (b"NaN", "NaN"),
            (b"[Infinity, -Infinity]", ["Infinity", "-Infinity"]),
            (b'{"a": 1, "a": 2}', {"a": 2}),
            (b"1700000000000", 1_700_000_000_000),
        ],
    )
    def test_what_a_sender_may_write_is_read(self, data: bytes | str, value: Any) -> None:
        """The strict decoder's refusals are not the person's fault."""
        assert decode(data) == value

    def test_a_number_of_five_thousand_digits_is_kept(self) -> None:
        """Python refuses to convert it; as text it does no harm, among other values neither."""
        digits = "7" * 5000
        for text in (digits, "-" + digits):
            assert decode(text.encode()) == text
        assert decode(f'{{"a": [{digits}], "b": 1}}'.encode()) == {"a": [digits], "b": 1}

    @pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"1" * 400 + b".5"])
    def test_a_number_beyond_every_float_does_no_harm(self, number: bytes) -> None:
        """It is read as something that can be written again."""
        assert isinstance(decode(encode_ascii(decode(number))), str | float | int)

    def test_a_byte_order_mark_is_ignored(self) -> None:
        """RFC 8259 lets a reader skip it, and refusing it would refuse a lead."""
        assert decode(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        "data",
        [
            b"", b" ", b"{", b'{"ada@example.com"', b'["ada@example.com"', b'"ada@example.com', b"ada@example.com",
            b"'ada'", b'{"a": 1} ada@example.com', b'{"a": ada@example.com}', b"\xff\xfe", b'"\xed\xa0\x80ada"',
            b'"\xffada"', b'"a\nb"',
            b"\x00", b"nan", b"01", b"+1", b"[1,]", b'"\\x41"', b"<html>ada@example.com</html>", "", "ada@example.com",
            '{"a": 1}'.encode("utf-16"),
        ],
    )  # fmt: skip
    def test_what_is_not_json_is_refused_without_quoting_it(self, data: bytes | str) -> None:
        """Neither the error nor what it chains to shows a person's answers."""
        with pytest.raises(ValueError, match=r"^not JSON$") as caught:
            decode(data)
        assert "ada@example" not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize("opening", [b"[", b'{"ada@example.com":', b'[{"a":'])
    @pytest.mark.parametrize("inner", [b"1", b"NaN", b"\\"])
    def test_bottomless_nesting_is_refused(self, opening: bytes, inner: bytes) -> None:
        """A hundred thousand levels end in the documented error, on the strict and on the forgiving path."""
        closing = {b"[": b"]", b"{": b"}"}
        data = (
            opening * 100_000
            + inner
            + b"".join(closing[letter.to_bytes()] for letter in opening[::-1] if letter in b"[{") * 100_000
        )
        with pytest.raises(ValueError, match=r"^(nested too deeply|not JSON)$") as caught:
            decode(data)
        assert "ada@example" not in str(caught.value)

    @pytest.mark.parametrize("levels", [900, 990, 995, 1000, 5000, 10_000])
    def test_deep_nesting_is_read_or_refused(self, levels: int) -> None:
        """How deep the interpreter follows differs by version; it never breaks."""
        said = None
        try:
            value = decode(b"[" * levels + b"]" * levels)
        except ValueError as error:
            value, said = [], str(error)
        assert isinstance(value, list)
        assert said in (None, "nested too deeply")

    @given(value=json_values)
    def test_agrees_with_the_standard_library(self, value: Any) -> None:
        """Whichever decoder answers, the value is the same."""
        assert decode(json.dumps(value).encode()) == value

    @given(data=st.binary(max_size=60) | st.from_regex(rb'[\[\]{}",:\\0-9eE.ud\x80-\xff a-]{0,30}', fullmatch=True))
    def test_any_bytes_give_a_value_or_value_error(self, data: bytes) -> None:
        """Nothing else escapes, and the error has one of two texts."""
        said = None
        try:
            decode(data)
        except ValueError as error:
            said = str(error)
        assert said in (None, "not JSON", "nested too deeply")


class TestEncodeAscii:
    @given(value=json_values)
    def test_there_and_back(self, value: Any) -> None:
        """Everything JSON can say survives, in printable ASCII only: SQS refuses some other characters."""
        text = encode_ascii(value)
        assert all(" " <= letter <= "\x7f" for letter in text)
        assert decode(text) == value

    @pytest.mark.parametrize("text", ["\ud800", "\uffff", "\ufffe", "\x00", "\x0b", "\U0010ffff"])
    def test_characters_that_sqs_refuses_are_escaped(self, text: str) -> None:
        """Lone surrogates, non-characters and control characters pass as escapes."""
        assert encode_ascii([text]).isascii()
        assert decode(encode_ascii([text])) == [text]

    def test_is_compact(self) -> None:
        """Every byte counts against the queue's limit."""
        assert encode_ascii({"a": [1, 2]}) == '{"a":[1,2]}'

    def test_a_long_number_keeps_its_digits(self) -> None:
        """Parked and read again it is still the same number."""
        value = decode(b'{"a": ' + b"9" * 5000 + b', "b": "\\ud800"}')
        assert decode(encode_ascii(value)) == value


class TestPlainText:
    @given(text=any_text)
    def test_is_always_utf_8(self, text: str) -> None:
        """Of the same length, and only lone surrogates are replaced."""
        clean = plain_text(text)
        clean.encode("utf-8")
        assert len(clean) == len(text)
        assert all(a == b or 0xD800 <= ord(a) <= 0xDFFF for a, b in zip(text, clean, strict=True))


def test_short_integers_stay_numbers() -> None:
    """The forgiving path does not turn ordinary numbers into text."""
    value = decode(b'["\\ud800", 1700000000000, 2.5]')
    assert value == ["\ud800", 1_700_000_000_000, 2.5]
    assert not math.isnan(value[2])
    assert lenient_json.plain_text(value[0]) == "\ufffd"
