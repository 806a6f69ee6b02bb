"""Fixtures of the sample suite, which shows pytest-monitor everything it can be shown in a few seconds."""

import pytest


@pytest.fixture
def broken_teardown():
    yield
    raise RuntimeError("the test had passed before")


@pytest.fixture(scope="module")
def ledger():
    """Gives a module a set-up and a teardown of its own."""
    entries = []
    yield entries
    entries.clear()
