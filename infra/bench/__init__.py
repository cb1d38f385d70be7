"""Benchmarks: what LeadRelay costs above the least that the job needs, as ratios within one run."""
