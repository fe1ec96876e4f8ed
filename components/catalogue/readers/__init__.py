"""Catalogues of every kind, read to chunks and rows: one reader each, chosen in ``kinds``."""
