"""Images: their options and geometry, how TensorFlow decodes them, and how pixels are prepared and augmented."""
