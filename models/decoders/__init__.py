"""Decoders: serialised records become what a network takes."""
