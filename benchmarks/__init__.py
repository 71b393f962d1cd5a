"""What Ganatomy costs, beside the way it is usually done. Not installed: run from a checkout."""
