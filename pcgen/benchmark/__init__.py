"""Comparisons that anybody can run again: ``pcgen benchmark``."""
