"""A fleet of any size that is made up from a seed, with faults of known truth, and what a collector found of them."""
