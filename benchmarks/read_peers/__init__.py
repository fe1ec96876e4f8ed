"""The contenders of ``benchmarks.read``, one module each.

``write(arrays, out)`` stores images, bags of words and labels; ``batches(out)`` reads them in batches.
"""
