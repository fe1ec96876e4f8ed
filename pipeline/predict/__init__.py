"""``diptych predict``: a pushed model classifies image files, or every row of a catalogue."""
