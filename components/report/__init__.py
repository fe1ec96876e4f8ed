"""Report: one self-contained HTML page over all that a run came to."""
