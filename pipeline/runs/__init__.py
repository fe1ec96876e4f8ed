"""What a run leaves in its folder: summary, report, digest and lineage."""
