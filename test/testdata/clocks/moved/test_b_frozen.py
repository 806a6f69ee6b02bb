import pytest
from freezegun import freeze_time
from work import work


@pytest.fixture(autouse=True)
def clock():
    with freeze_time("2020-02-29 12:00:00", tick=True) as frozen:
        yield frozen


def test_frozen():
    work()


def test_frozen_in_the_future(clock):
    clock.move_to("2100-01-01 12:00:00")
    work()


def test_an_hour_goes_by(clock):
    clock.tick(3600)
    work()
