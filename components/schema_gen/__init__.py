"""ImportSchemaGen: TFX's component, which also notices that the schema file has changed."""
