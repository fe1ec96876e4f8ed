"""The commands of ``diptych``. Heavy imports wait until a command runs, so that ``--help`` answers at once."""
