"""Tests that do to their process what a plugin has to survive."""

import os
import signal
import socket
import stat
import time

import pytest

kept = []  # open until the end of the process


def test_begins():
    pass


def test_forks():
    child = os.fork()
    if child == 0:
        os._exit(3)
    assert os.waitpid(child, 0)[1] != 0


def test_replaces_clocks():
    time.time = time.perf_counter = time.monotonic = lambda: 0.0


def test_freezes_the_clock():
    freezegun = pytest.importorskip("freezegun")
    freezer = freezegun.freeze_time("2001-02-03")
    freezer.start()
    kept.append(freezer)


def test_runs_on_a_frozen_clock():
    pass


def test_thaws_the_clock():
    if kept:
        kept.pop().stop()


def test_changes_the_zone():
    os.environ["TZ"] = "Asia/Kolkata"
    time.tzset()


def test_changes_the_directory(tmp_path):
    os.chdir(str(tmp_path))


def test_takes_the_numbers_of_closed_sockets():
    """Closes the sockets of others, and has sockets with these numbers until the end."""
    numbers = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                numbers.append(int(name))
        except OSError:
            pass  # the number with which the folder was read
    for number in numbers:
        os.close(number)
    for _ in range(len(numbers) + 3):
        kept.extend(socket.socketpair())


def test_nobody_wrote_into_sockets_of_the_tests():
    time.sleep(1.1)  # until the plugin has sent something
    for own in kept:
        own.setblocking(False)
        with pytest.raises(BlockingIOError):
            own.recv(1)


def test_nobody_wrote_into_sockets_of_the_tests_later():
    test_nobody_wrote_into_sockets_of_the_tests()


def test_lets_broken_pipes_kill():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def test_replaces_the_environment():
    os.environ.clear()


def test_ends():
    pass
