"""The engines that run Beam pipelines: reached before a job, bounded in time, and what goes wrong in a sentence."""
