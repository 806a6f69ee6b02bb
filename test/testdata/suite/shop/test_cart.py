"""Two classes with a method of the same name, which the plugin's rows do not tell apart."""

import unittest

pytest_monitor_component = "shop.cart"


class TestEmpty:
    def test_total(self, ledger):
        assert not ledger

    def test_only_here(self):
        pass

    class TestNested:
        def test_total(self):
            pass


class TestFull:
    def test_total(self, ledger):
        ledger.append(1)


class LegacyTest(unittest.TestCase):
    def test_total(self):
        pass
