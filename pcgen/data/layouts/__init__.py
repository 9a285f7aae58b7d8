"""Readers for the folder layouts of known datasets, one module each."""
