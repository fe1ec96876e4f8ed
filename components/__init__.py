"""Custom TFX components, one folder each; the DAG alone joins them."""
