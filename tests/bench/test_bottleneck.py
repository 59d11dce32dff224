"""Two flows at a bottleneck, host2 and host3 -- leaf1 -- host1: shares and marks, never absolute times."""

import os
from pathlib import Path

from tests.bench.bottleneck import Bottleneck
from tests.bench.congestion import LAW, LINE_RATE, RATE, fabric, figures
from tests.modelled import modelled

WARM, SECONDS = 10, 6  # flows begin at full rate, fall far below their share, and are back after some seconds


def test_two_flows_fill_a_port_that_marks_them(tmp_path: Path) -> None:
    """Neither is left without, the kernel's queue is seen, and it is marks that hold them back, not losses."""
    with modelled(tmp_path, fabric(2, f"neck{os.getpid()}"), RATE) as lab:
        seen = Bottleneck(lab, LAW, LINE_RATE).run(WARM, SECONDS)
    told = figures(seen)

    assert RATE / 2 < told["all rates"] < RATE * 1.1
    assert told["least rate"] > RATE / 10
    assert max(seen.queue) > 0
    assert 0 < told["marked"] < 0.5
