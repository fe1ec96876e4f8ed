"""Decoders turn a batch of serialised records into what a model takes: ``(inputs, label)``."""
