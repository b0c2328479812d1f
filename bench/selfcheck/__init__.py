"""What this machine and this harness can resolve: measured against cases of known truth."""
