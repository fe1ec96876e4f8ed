"""What the defaults reach beside linear models: diptych init, then diptych run without an edit, over three seeds."""
