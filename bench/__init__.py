"""The real daemon process, measured against sources and sinks in other processes, beside a peer."""
