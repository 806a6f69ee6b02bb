import os
import time

from work import work


def test_before():
    work()


def test_zone():
    os.environ["TZ"] = "Australia/Sydney"
    time.tzset()
    work()


def test_zone_by_a_quarter_of_an_hour():
    os.environ["TZ"] = "Asia/Kathmandu"
    time.tzset()
    work()
