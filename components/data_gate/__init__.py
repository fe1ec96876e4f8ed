"""DataGate: stops the run on bad data, and says which rows and why."""
