"""Catalogues: how they are found, read, checked and fingerprinted. No module here imports TFX, Beam or TensorFlow."""
