"""Plain nn.Modules: torch in, torch out. Imports torch and itself only."""
