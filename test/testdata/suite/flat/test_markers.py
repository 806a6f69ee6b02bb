"""The plugin's markers: what is skipped from monitoring leaves no row, and is run all the same."""

import pytest


@pytest.mark.monitor_skip_test
def test_never_measured():
    pass


@pytest.mark.monitor_skip_test_if(True)
def test_not_measured_now():
    pass


@pytest.mark.monitor_skip_test_if(False)
def test_measured_after_all():
    pass


@pytest.mark.monitor_test
def test_measured():
    pass
