"""An edited face back into its photo."""
