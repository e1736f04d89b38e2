"""Tests of the memory that a process keeps."""

import os
import platform
import subprocess
import sys

import pytest

_PROGRAM = """\
import resource
import numpy as np
from goodpix.schema.workers.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
for k in range(50):
    np.ones(400_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def faults(*, keep: bool, **variables: str) -> int:
    """Return the number of pages that a process asks for to make 50 arrays of 3.2 MB, and for all else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")} | variables
    command = [sys.executable, "-c", _PROGRAM.format(keep=keep)]
    return int(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_freed_memory_is_used_again() -> None:
    # 782 pages each; glibc by itself maps an array anew until it has freed one of that size
    at_once = {"MALLOC_MMAP_THRESHOLD_": "131072"}
    assert faults(keep=True) < faults(keep=False, **at_once) - 30 * 782
    assert faults(keep=True, **at_once) > faults(keep=True) + 30 * 782  # what the user has set comes first
