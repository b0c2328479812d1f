"""What implementations for CUDA share or are made of.

``graphs.py`` captures, ``steps.py`` knows what and when, ``model.py`` is what models of such steps share.
``kernels.py`` and ``division.py`` are of ``triton_fused``; ``products.py`` says in what torch multiplies.
"""
