"""How it is measured: cases, launches, samples, records and the statistics on them."""
