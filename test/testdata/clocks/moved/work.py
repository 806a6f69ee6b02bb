import os
import time


def work():
    """Computes for as many seconds of CPU time as the environment says. freezegun does not replace this clock."""
    until = time.process_time() + float(os.environ["WORK"])
    while time.process_time() < until:
        sum(range(100))
