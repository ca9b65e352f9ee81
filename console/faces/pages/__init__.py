"""What every page shares: error pages, outages, uploads, words."""
