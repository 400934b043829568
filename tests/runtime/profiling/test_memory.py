"""Peak memory is the process's own, not its parent's, and a peak, not the present."""

import subprocess
import sys

import numpy as np
import pytest
from ldikit.runtime.profiling.memory import parse_peak, peak_memory_bytes

MIB = 1 << 20
CHILD = (
    "from ldikit.runtime.profiling.memory import peak_memory_bytes as peak\n"
    "first = peak()\n"
    "held = bytearray(b'x') * (100 << 20)\n"
    "del held\n"
    "print(first, peak())\n"
)


def test_peak_rises_by_what_was_held_and_does_not_fall():
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    first, peak = (int(part) for part in done.stdout.split())
    assert 95 * MIB < peak - first < 110 * MIB


def test_a_large_parent_is_not_counted():
    held = np.ones(300 * MIB, np.uint8)
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    assert held.sum() == 300 * MIB
    assert peak_memory_bytes() > 300 * MIB
    assert int(done.stdout.split()[0]) < 150 * MIB


def test_proc_status():
    assert parse_peak("Name:\tpython\nVmPeak:\t 9 kB\nVmHWM:\t  1234 kB\nVmRSS:\t 1 kB\n") == 1234 * 1024
    with pytest.raises(ValueError, match="VmHWM"):
        parse_peak("Name:\tpython\n")
