"""The dataset of a run in forms that other tools read."""
