import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from base import Base  # noqa: E402


class TestDerived(Base):
    pass


def test_own():
    pass
