"""Catalogues, and TFX components, one folder each; only the DAG in ``diptych.pipeline.dag`` joins them."""
