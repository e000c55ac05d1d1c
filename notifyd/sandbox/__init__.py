"""The embedded AWS and the receiving sides that demo, tests and bench run against."""
