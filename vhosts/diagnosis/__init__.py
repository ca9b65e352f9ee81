"""Diagnosis: rules over everything stored about brokers, each finding with evidence and a way to fix it."""
