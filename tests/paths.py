"""Places that tests read: this repository, and a real catalogue beside it that a clone elsewhere does not have."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
#: 3,394 emoji in ``catalogue.csv`` and ``images/``.
EMOJI = ROOT.parent / "shared" / "data" / "emoji"
