"""What ``torch.py`` has beside its products: ``facts.py`` for the software record, ``cuda.py`` to time a GPU."""
