"""Shared by all pages: error pages, outages, uploads, words."""
