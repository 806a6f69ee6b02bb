import os
import time

from work import work


def test_settings_are_loaded():
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop_settings"
    from django.conf import settings

    assert settings.TIME_ZONE == "America/Chicago"
    assert time.tzname[0] == "CST"
    work()


def test_after():
    work()
