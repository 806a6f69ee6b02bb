"""Every outcome that a test can have."""

import pytest

pytest_monitor_component = "shop.orders"


def test_passes():
    pass


def test_fails():
    assert 1 + 1 == 3


def test_skips():
    pytest.skip("not today")


@pytest.mark.skip(reason="never")
def test_skipped():
    pass


@pytest.mark.xfail
def test_expected_to_fail():
    assert False


@pytest.mark.xfail
def test_passes_unexpectedly():
    pass


@pytest.mark.xfail(strict=True)
def test_must_not_pass():
    pass


def test_passes_before_its_teardown_fails(broken_teardown):
    pass
