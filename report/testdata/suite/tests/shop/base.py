"""A base class: pytest-monitor names this file for the tests of those derived from it."""


class Base:
    def test_inherited(self):
        pass
