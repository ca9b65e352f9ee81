"""Depths over time: samples, rollups, partitions, retention."""
