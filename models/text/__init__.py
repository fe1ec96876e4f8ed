"""Texts and labels: options, terms, vocabularies, and encoders for TensorFlow, Transform and scikit-learn."""
