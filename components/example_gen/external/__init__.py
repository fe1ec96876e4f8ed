"""Duplicates, splits and shards of more records than memory holds: stages that hand each other items in files."""
