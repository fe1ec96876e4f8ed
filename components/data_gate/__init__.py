"""DataGate: stops a run on bad data, and says which rows are bad and why."""
