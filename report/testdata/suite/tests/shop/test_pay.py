"""Tests with names that a selection has to survive. All of them cost next to nothing."""

import pytest

ODD = [
    "visa-3", "a, b", "and", "or", "not", "True", "None", "(", ")", "a(b)", "x or y", "not a", "::", "a::b", "[", "]", "a[b]c",
    "a/b", "a\\b", "'", '"', "a=b", "a:b", ":", "", " ", "  lead", "-", "--", "-x", "@file", "ümlaut", "日本", "✓", "e\u0301", "²",
    "\n", "two\nlines", "\x1b[31m", "\u2028", "#", "##[error]", "100%", "<object at 0x7f31c0de>", "x" * 300,
]


@pytest.mark.parametrize("value", ODD)
def test_pay(value):
    pass


@pytest.mark.parametrize("a", [1.5, -2])
@pytest.mark.parametrize("b", [None, object()])
def test_two(a, b):
    pass


def test_größe():
    pass


def test_支払():
    pass


class TestCard:
    @pytest.mark.parametrize("value", ["visa-3", "b"])
    def test_pay(self, value):
        pass

    def test_other(self):
        pass
