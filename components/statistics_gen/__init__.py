"""StatisticsGen: TFX's component with a faster executor for small datasets."""
