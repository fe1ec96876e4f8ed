"""What ``diptych init`` proposes for a catalogue: one module for each thing that a settings file says of it."""
