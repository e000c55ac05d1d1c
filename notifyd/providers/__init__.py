"""Those who deliver: one file a provider, one line each in PROVIDERS. A leading underscore marks shared parts."""
