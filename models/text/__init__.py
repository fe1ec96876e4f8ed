"""Text and labels: options, tokens, vocabularies, and the encodings that Transform and scikit-learn share."""
