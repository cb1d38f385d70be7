"""Knowing a note or task that LeadRelay wrote, and reading rich text."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leads.core.marker import is_marked, is_of, plain
from leads.core.note import with_marker


class TestIsMarked:
    @given(text=st.text(max_size=40), lead_id=st.from_regex(r"[A-Za-z0-9_.:-]{1,20}", fullmatch=True))
    def test_whatever_leadrelay_writes_is(self, text: str, lead_id: str) -> None:
        """Around any text and for any lead."""
        assert is_marked(with_marker(text, f"leadconnector/{lead_id}"))

    @example(end="\n", text="<A")
    @example(end="<br>", text="x")
    @given(end=st.sampled_from(["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028"]), text=st.text(max_size=9))
    def test_what_a_person_typed_is_not(self, end: str, text: str) -> None:
        """However the line ends before it: it is quoted, and no other lead's note."""
        written = with_marker(f"{text}{end}lead ref: pinterest/2{end}{text}", "pinterest/1")
        assert is_of("pinterest/1", written)
        assert not is_of("pinterest/2", written)

    @pytest.mark.parametrize(
        "body",
        [
            "<p>Hi</p><p>lead ref: pinterest/1</p>", "Hi\r\n\r\nlead ref:  pinterest/1 \r\n",
            "Hi<br>lead&nbsp;ref: pinterest/1", "<div>lead ref: facebook/a&#47;b</div><p></p>",
            "Hi\n\nlead ref: pinterest/1\n\nCalled her on Monday. Bob", "lead ref: pinterest/1\nand more",
            "<p>Hi</p><p>lead ref: pinterest/1</p><p>she said yes</p>",
        ],
    )  # fmt: skip
    def test_also_after_somebody_opened_it_in_the_editor(self, body: str) -> None:
        """Which keeps texts as HTML; and whatever people wrote below."""
        assert is_marked(body)

    @pytest.mark.parametrize(
        "body",
        [
            None, 5, [], "", "Hi", "lead ref:", "lead ref: pinterest", "> lead ref: pinterest/1",
            "lead ref: pinterest/1 too", "lead ref: pinterest/1 too\nand more", "see lead ref: pinterest/1",
            "<p>lead ref: pinterest/1 too</p><p>and more</p>",
        ],
    )  # fmt: skip
    def test_nothing_else_is(self, body: Any) -> None:
        """A line counts when it is nothing but the marker."""
        assert not is_marked(body)


class TestPlain:
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (None, ""), (["x"], ""), (" Hi ", "Hi"), ("1 < 2 & <b>", "1 < 2 & <b>"), ("<p>Hi</p>", "Hi"),
            ("<p>A &lt; <b>B</b></p><ul><li>C</li><li>D</li></ul>", "A < B\n\nC\n\nD"), ("A<br>B", "A\nB"),
        ],
    )  # fmt: skip
    def test_reads_rich_text_as_lines_and_leaves_other_text_alone(self, body: Any, text: str) -> None:
        """What looks like a tag in a plain note was typed."""
        assert plain(body) == text
