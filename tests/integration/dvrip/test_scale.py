"""What many streams cost: bounds in processor time, with room for a machine that is busy otherwise."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "bench"


@pytest.mark.slow
def test_framing_and_demux_of_200_streams_take_less_than_half_a_core():
    script = BENCHMARKS / "dvrip" / "bench_demux.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    row = json.loads(done.stdout)
    assert row["mbit_per_stream"] >= 4
    assert row["cores"] < 0.5
