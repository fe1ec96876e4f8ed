"""``diptych convert``: datasets in pickles, CSV or JSON become a Parquet catalogue."""
