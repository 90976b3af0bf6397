"""How good a generator is, in numbers: set distances, coverage, smoothness, copies of originals."""
