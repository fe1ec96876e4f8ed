"""StatisticsGen: TFX's component, with an executor that is faster for small datasets."""
