"""The catalogue's readers and the TFX components, one folder each. Only ``diptych.pipeline.dag`` joins components."""
