"""Report: writes one self-contained HTML page about everything that a run produced."""
