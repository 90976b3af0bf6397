"""Optional compiled kernels of the preview: same results within bfloat16, in about half of the time."""
