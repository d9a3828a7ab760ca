"""Memory of arrays that grow goes back to the machine."""

import subprocess
import sys

import pytest

# One large array that was let go of is enough for glibc to keep the others, where small things lie between them.
GROWING = """
import numpy, psutil, sys
from forewarn_collector.allocation import give_back_large_arrays
if sys.argv[1] == "wished":
    assert give_back_large_arrays()
numpy.ones(3_000_000)
arrays, stays = [], []
for _ in range(40):
    arrays.append(numpy.ones(125_000))
    stays.append(bytearray(2000))
del arrays
print(psutil.Process().memory_info().rss)
"""


def kept(how: str) -> int:
    command = [sys.executable, "-c", GROWING, how]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="it is a wish to glibc")
def test_what_was_let_go_of_is_given_back() -> None:
    assert kept("wished") < kept("not wished") - 20_000_000
