"""Before a run: propose settings and a schema, and check the catalogue."""
