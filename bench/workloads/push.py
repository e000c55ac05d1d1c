"""Push by APNs over HTTP/2 and TLS: to the sandbox, which counts and checks, and to nghttpd, which is fast."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec.structs import replace

from bench.nghttpd import nghttpd
from bench.options import Options
from bench.processes import Server
from bench.servers.people import People
from bench.workloads.workload import FIXTURES, Contestant, Receiver, Site, Workload
from notifyd.core.channel import Channel
from notifyd.sandbox.faults import Fault, GoAway, Silence

_STREAMS_MAX = 1000  # APNs'
ONE_DEVICE = People(devices=(1,))
# Longer than any run.
FAULTS_S = 3600.0


def serve_sandbox(*faults: Fault) -> Callable[[Site], Iterator[Receiver]]:
    """It misbehaves from the start, in these ways."""

    def serve(site: Site) -> Iterator[Receiver]:
        config = site.folder / "sandbox.yaml"
        arguments = [
            *("--config-out", str(config), "--latency-ms", str(site.options.latency_ms)),
            *("--faults", msgspec.json.encode(faults).decode()),
        ]
        with Server(
            "bench.servers.apns",
            arguments,
            core=site.cores.servers,
            folder=site.folder,
            tls=False,
        ) as server:
            yield Receiver((server,), yaml.safe_load(config.read_text())["providers"], (server.pid,))

    return serve


@contextmanager
def _nghttpd(site: Site) -> Iterator[Receiver]:
    """It cannot tell what it accepted; the delivery log can."""
    folder = site.folder / "nghttpd"
    folder.mkdir()
    tokens = [token for user in range(site.options.users) for token in ONE_DEVICE.tokens(user)]
    with nghttpd(folder, tokens, streams_max=_STREAMS_MAX, core=site.cores.servers) as server:
        settings = {
            "topic": "com.example.bench",
            "key": f"file:{_key_file(folder)}",
            "key_id": "BENCHKEY01",
            "team_id": "BENCHTEAM1",
            "base_url": server.origin,
            "ca_file": str(server.ca_file),
        }
        yield Receiver((site.dynamodb,), {"apns": settings}, (server.pid,))


def _key_file(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    file = folder / "apns_key.p8"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


PUSH = Workload(
    name="push",
    title="A change in a table becomes a push that the sandbox counts, its row and a commit",
    channel=Channel.PUSH_IOS,
    provider="apns",
    catalog=FIXTURES / "notifications_push.yaml",
    receiver=contextmanager(serve_sandbox()),
    # aioapns finds a request by its apns-id, which nghttpd does not give back: here alone it can be compared.
    contestants=(Contestant.DAEMON, Contestant.DAEMON_ON_AIOAPNS, Contestant.PEER),
    usual=Options(events=50_000, rate_per_s=2_000.0, peer_events=10_000),
    people=ONE_DEVICE,
)
PUSH_RATE = replace(
    PUSH,
    name="push-rate",
    title="A change in a table becomes a push to nghttpd, its row and a commit",
    receiver=_nghttpd,
    contestants=(Contestant.DAEMON, Contestant.PEER),
    usual=Options(rate_per_s=0.0, peer_events=10_000),
)
PUSH_GOAWAYS = replace(
    PUSH,
    name="push-goaways",
    title="Pushes through GOAWAYs: what was not accepted is tried again from the retry queue",
    # Some of them fall together on one connection.
    receiver=contextmanager(serve_sandbox(GoAway(share=0.005, duration_s=FAULTS_S))),
    contestants=(Contestant.DAEMON,),
    usual=Options(events=20_000, rate_per_s=0.0),
    has_faults=True,
)
PUSH_HANGS = replace(
    PUSH,
    name="push-hangs",
    title="Pushes, one in a thousand of which is never answered: how long the others take",
    receiver=contextmanager(serve_sandbox(Silence(taken=False, share=0.001, duration_s=FAULTS_S))),
    contestants=(Contestant.DAEMON,),
    has_faults=True,
)
