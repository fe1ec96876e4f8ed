"""Transform: TFX's component, whose Beam pipeline starts faster."""
