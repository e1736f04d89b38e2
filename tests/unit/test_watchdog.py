"""Nothing outlives a run of the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..waiting import until

TESTS = Path(__file__).parents[1]

# It starts a process that heeds no signal of a terminal, names it, and ends or does not.
RUN = f"""
import os, subprocess, sys
sys.path.insert(0, {os.fspath(TESTS)!r})
from watchdog import Watchdog
watchdog = Watchdog()
sleep = [sys.executable, "-c", "import time; time.sleep(3600)"]
print(subprocess.Popen(sleep, stdout=subprocess.DEVNULL, start_new_session=True).pid, flush=True)
sys.stdin.read()
watchdog.close()
"""


@pytest.mark.parametrize("ending", ["closed", "SIGKILL", "SIGINT"])
def test_what_a_run_has_started_ends_with_it(ending: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        left = int(run.stdout.readline())
        if ending == "closed":
            run.stdin.close()
        else:
            run.send_signal(getattr(signal, ending))
        until(lambda: not Path(f"/proc/{left}").exists(), f"process {left} ends")
