"""A component whose text is also what stands for an absent one."""

pytest_monitor_component = "(none)"


def test_in_literal_none():
    pass
