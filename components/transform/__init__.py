"""Transform: TFX's component, with an executor that starts Beam faster."""
