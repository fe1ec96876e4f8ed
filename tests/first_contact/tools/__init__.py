"""Scripts that write layouts with tools that cannot be installed beside TFX; ``server.py`` runs them.

Each but ``hf_datasets.py``, which they share, is called with the folder to write into, and a JSON file: a list of
objects with ``image`` (path of a PNG file), ``picture``, ``labels``, ``text`` and ``split``.
"""
