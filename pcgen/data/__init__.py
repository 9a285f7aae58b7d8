"""Point clouds to learn from: procedural shapes, and readers for the folder layouts of known datasets."""
