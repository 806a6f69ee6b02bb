"""A module that opts out, with one test that opts in."""

import pytest

pytestmark = pytest.mark.monitor_skip_test


def test_out():
    pass


@pytest.mark.monitor_test
def test_in():
    pass


@pytest.mark.monitor_test_if(False)
def test_still_out():
    pass
