"""The contenders of benchmarks.read: what writes the same images their way, and reads them back in batches."""
