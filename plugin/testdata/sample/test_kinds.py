import importlib.util
import math
import time
import unittest

import pytest

pytest_monitor_component = "kinds"


def double(n):
    """
    >>> double(2)
    4
    """
    return 2 * n


def wrong(n):
    """
    >>> wrong(2)
    5
    """
    return 2 * n


def test_function(for_module, tmp_path):
    (tmp_path / "file").write_text("text")


def test_session_fixture(server):
    assert server.poll() is None


class TestClass:
    def test_method(self, for_class):
        pass

    class TestNested:
        def test_method(self, for_class):
            pass


VALUES = ["", "a-b", "a, b", "é", "\n", "\x00", "\U0001f680", "a::b", "a[b]", "/", "x" * 300, 1, -1, 1e-9, math.nan, None, True, b"\xff",
          object(), int, ()]


@pytest.mark.parametrize("value", VALUES)
def test_ids(value):
    pass


@pytest.fixture
def bad_setup():
    raise ValueError("set-up")


@pytest.fixture
def bad_teardown():
    yield
    raise ValueError("teardown")


@pytest.fixture
def skipping():
    pytest.skip("not here")


@pytest.fixture
def xfailing():
    pytest.xfail("known")


def test_fails():
    assert math.pi == 3


def test_setup_fails(bad_setup):
    pass


def test_teardown_fails(bad_teardown):
    pass


def test_fails_twice(bad_teardown):
    assert math.pi == 3


def test_skips():
    pytest.skip("not now")


def test_skips_and_teardown_fails(bad_teardown):
    pytest.skip("not now")


@pytest.mark.skip
def test_skipped():
    pass


def test_setup_skips(skipping):
    pass


def test_setup_xfails(xfailing):
    pass


@pytest.mark.xfail
def test_xfails():
    assert math.pi == 3


@pytest.mark.xfail
def test_xpasses():
    pass


@pytest.mark.xfail(strict=True)
def test_xpasses_strictly():
    pass


@pytest.mark.xfail(run=False)
def test_xfail_does_not_run():
    pass


@pytest.mark.monitor_skip_test
def test_is_not_measured():
    pass


class TestUnit(unittest.TestCase):
    def test_passes(self):
        pass

    def test_fails(self):
        self.fail()

    def test_subtests(self):
        for n in range(3):
            with self.subTest(n=n):
                pass

    def test_subtest_fails(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)

    def test_subtest_skips(self):
        for n in range(2):
            with self.subTest(n=n):
                if n == 0:
                    self.skipTest("not this one")

    @unittest.skip("not now")
    def test_skips(self):
        pass

    @unittest.expectedFailure
    def test_fails_as_expected(self):
        self.fail()


def test_subtests_fixture(subtests):
    for n in range(2):
        with subtests.test(n=n):
            assert n == 0


def test_subtest_skips(subtests):
    for n in range(2):
        with subtests.test(n=n):
            if n == 0:
                pytest.skip("not this one")


@pytest.mark.asyncio
async def test_asyncio():
    pass


@pytest.mark.asyncio
async def test_asyncio_fails():
    assert False


if importlib.util.find_spec("anyio"):

    @pytest.mark.anyio
    @pytest.mark.parametrize("anyio_backend", ["asyncio"])
    async def test_anyio():
        pass


async def test_without_a_plugin_for_async():
    pass


attempts = {"second": 0, "setup": 0, "teardown": 0}


@pytest.mark.flaky(reruns=2)
def test_passes_at_the_second_attempt():
    attempts["second"] += 1
    time.sleep(0.5 if attempts["second"] == 1 else 0)
    assert attempts["second"] == 2


@pytest.fixture
def flaky_setup():
    attempts["setup"] += 1
    assert attempts["setup"] == 3


@pytest.mark.flaky(reruns=2)
def test_set_up_at_the_third_attempt(flaky_setup):
    pass


@pytest.fixture
def flaky_teardown():
    yield
    attempts["teardown"] += 1
    assert attempts["teardown"] == 2


@pytest.mark.flaky(reruns=2)
def test_torn_down_at_the_second_attempt(flaky_teardown):
    pass


@pytest.mark.flaky(reruns=1)
def test_never_passes():
    assert False
