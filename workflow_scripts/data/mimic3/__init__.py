"""MIMIC-III: its files, events and codes, and synthetic patients in its schema."""
