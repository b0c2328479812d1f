"""What to pad a product or a network to, on this machine: predicted, screened, confirmed."""
