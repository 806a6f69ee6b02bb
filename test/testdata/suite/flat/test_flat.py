"""A module outside packages: its rows have an empty path when they are about the module."""

import time

import pytest


def test_sleep():
    time.sleep(0.01)


def test_cpu():
    assert sum(n * n for n in range(300_000)) > 0


def test_memory():
    assert len(bytearray(8 << 20)) == 8 << 20


def test_naïve_café():
    pass


@pytest.mark.slow
def test_marked():
    pass


class TestFlat:
    def test_same(self):
        pass
