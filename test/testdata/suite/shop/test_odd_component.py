"""A component with everything that line protocol and Flux treat as special."""

pytest_monitor_component = 'été, "a=b" 100%\t50%41\n\U0001f680 \\'


def test_in_odd_component():
    pass
