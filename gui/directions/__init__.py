"""Directions in the window: sliders in the controls, the panel that finds them, their pictures, StyleSpace."""
