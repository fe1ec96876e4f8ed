"""``diptych demo``: handwritten digits with descriptions."""
