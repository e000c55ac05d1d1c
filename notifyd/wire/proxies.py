"""HTTP proxies of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY), read once.

aiohttp's trust_env reads environment and netrc in a thread for every request: several times a lean call's price.
"""

from __future__ import annotations

from typing import Self
from urllib.request import (  # type: ignore[attr-defined] # typeshed leaves proxy_bypass_environment out
    getproxies_environment,
    proxy_bypass_environment,
)

import msgspec
from aiohttp import encode_basic_auth
from yarl import URL


class Proxy(msgspec.Struct, frozen=True):
    url: URL
    headers: dict[str, str]


class Proxies:
    def __init__(self, urls: dict[str, str]) -> None:
        """`urls`: by scheme, as urllib's getproxies gives them; `no` holds the hosts to reach directly."""
        self._urls = urls
        self._by_scheme = {
            scheme: _proxy(url) for scheme, url in urls.items() if scheme in {"http", "https", "all"}
        }

    @classmethod
    def of_environment(cls) -> Self:
        return cls(getproxies_environment())

    def of(self, url: URL) -> Proxy | None:
        proxy = self._by_scheme.get(url.scheme) or self._by_scheme.get("all")
        if proxy is None or proxy_bypass_environment(url.authority, self._urls):
            return None
        return proxy


def _proxy(text: str) -> Proxy:
    url = URL(text if "://" in text else f"http://{text}")
    if url.user is None:
        return Proxy(url, {})
    return Proxy(url.with_user(None), {"Proxy-Authorization": encode_basic_auth(url.user, url.password or "")})
