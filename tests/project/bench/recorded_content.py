"""What every recorder is given to store: a result file of 200 kB, ten parameters and ten numbers."""

from __future__ import annotations

import random
from pathlib import Path

__all__ = ["CONTENT", "NUMBERS", "N_BYTES", "PARAMETERS", "write_result"]

N_BYTES = 200_000
_RANDOM = random.Random(6)
# Values that nothing else would write, so that they can be found again.
PARAMETERS = {f"parameter_{number}": round(_RANDOM.uniform(1, 9), 9) for number in range(10)}
NUMBERS = {f"score_{number}": round(_RANDOM.random(), 9) for number in range(10)}
CONTENT = _RANDOM.randbytes(N_BYTES)


def write_result(folder: Path) -> Path:
    """Write the result file."""
    file = folder / "result.bin"
    file.write_bytes(CONTENT)
    return file
