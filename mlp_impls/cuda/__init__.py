"""What implementations for CUDA share or are made of: ``graphs.py`` captures steps, ``kernels.py`` has Triton's."""
