"""Catalogues: how they are found, read, checked and fingerprinted. Imports no TFX, Beam or TensorFlow."""
