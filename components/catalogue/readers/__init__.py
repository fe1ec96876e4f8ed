"""Readers of catalogues, one for each kind; ``kinds`` chooses the reader."""
