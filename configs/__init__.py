"""Experiment configurations as YAML files; installed as ``pcgen.configs``."""
