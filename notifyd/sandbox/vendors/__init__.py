"""The providers' APIs, one file each, written from the vendors' documentation."""
