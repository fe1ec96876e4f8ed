"""The contenders of ``benchmarks.ingest``, one module each.

``write(catalogue, out)`` turns a catalogue into a dataset of 128 x 128 pixels; ``read(out)`` yields for each record the
path of the image and its pixels. ``python -m benchmarks.ingest_peers.run NAME CATALOGUE OUT`` runs one of them.
"""
