"""The hot parts one by one: `python -m bench.micro`, µs each. Where the budget of an event goes."""
