"""The contenders of benchmarks.ingest: one module each.

``write(catalogue, out)`` turns a catalogue into a dataset of 128 x 128 pixels, ``read(out)`` yields the image's path
and the pixels of each of its records. ``python -m benchmarks.ingest_peers.run NAME CATALOGUE OUT`` runs one.
"""
