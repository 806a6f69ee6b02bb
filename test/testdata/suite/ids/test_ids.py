"""Parameter ids that are hard on tags, line protocol, Flux, CSV and SQL."""

import pytest

IDS = [
    "two words",
    " edges ",
    "comma,comma",
    "key=value",
    'single\' and "double" quotes',
    "back\\slash",
    "ends in a backslash\\",
    "\\",
    "new\nline",
    "\r\n",
    "carriage\rreturn",
    "tab\tstop",
    "nul\0byte",
    "\x1b[31mred\x1b[0m",
    "delete\x7f",
    "\U0001f680 \U0001f468‍\U0001f469‍\U0001f467",
    "line\u2028and paragraph\u2029separator",
    "naïve Ünïcødé 日本語 עברית",
    "e\u0301 and \u00e9",
    "\ufeffbyte order mark\ufffd",
    "%41",
    "%",
    "100%",
    "(none)",
    "%28none)",
    "${x} {{y}} $1 `z`",
    "<object object at 0x7f3a5c1d2e40>",
    "<object object at 0x7f3a5c1d2e99>",
    "x" * 3000,
    "é" * 3000,
    "p-q",
    "p, q",
    "-1",
    "1e-09",
    "a" * 3980 + "%" * 60,
    "#comment",
    "_field",
]


@pytest.mark.parametrize("value", range(len(IDS)), ids=IDS)
def test_id(value):
    pass


@pytest.mark.parametrize("left", [1, 2])
@pytest.mark.parametrize("right", ["a b", "c"])
def test_pair(left, right):
    pass
