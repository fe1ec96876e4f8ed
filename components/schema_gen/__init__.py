"""ImportSchemaGen: TFX's component, which also runs again when the schema file has changed."""
