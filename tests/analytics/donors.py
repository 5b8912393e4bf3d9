"""The donors of Fader, Hardie and Shang (2010): 11,104 first givers of 1995, to 2001.

The recency-frequency matrix of the paper as numbers: for each recency 0 to 6, how
many donors there are by frequency 1, 2, ... up to the recency; 0 stands for those who never
gave again.
"""

from __future__ import annotations

import numpy as np

COUNTS = {
    0: [3464],
    1: [1091],
    2: [277, 613],
    3: [129, 255, 322],
    4: [78, 155, 181, 240],
    5: [119, 173, 225, 284, 335],
    6: [129, 234, 357, 512, 728, 1203],
}


def donors() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The histories, in the words of the models, and how many donors have each."""
    rows = [
        (frequency, recency, many)
        for recency, row in COUNTS.items()
        for frequency, many in enumerate(row, start=1 if recency else 0)
    ]
    x, last, many = np.array(rows, float).T
    return {"frequency": x, "recency": last, "T": np.full(len(x), 6.0)}, many
