# syntax=docker/dockerfile:1

# What is pinned stands in the lock files, hashes included; the final stage has no build tool and no cache.
FROM python:3.11-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /build
RUN python -m venv /opt/notifyd
COPY requirements-build.lock requirements.lock ./
RUN /opt/notifyd/bin/python -m pip install --require-hashes -r requirements-build.lock -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY notifyd notifyd
# Byte code is written here, because the process may not write to its root.
RUN /opt/notifyd/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/notifyd/bin/python -m pip uninstall --yes setuptools pip \
    && python -m compileall -q /opt/notifyd/lib

FROM python:3.11-slim
RUN groupadd --gid 10001 notifyd \
    && useradd --uid 10001 --gid notifyd --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin notifyd
COPY --from=builder /opt/notifyd /opt/notifyd
ENV PATH=/opt/notifyd/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /etc/notifyd
# Nothing is exposed but the admin port: the public one stays closed.
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/livez', timeout=2)"]
# The drain takes up to 25 s: whoever stops the container has to leave it 30.
STOPSIGNAL SIGTERM
ENTRYPOINT ["notifyd"]
CMD ["run"]
