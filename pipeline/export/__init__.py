"""Exports of a run: the dataset, the text and label encoders, and the model."""
