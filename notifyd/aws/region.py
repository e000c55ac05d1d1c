"""Which region to work in."""

from __future__ import annotations

from collections.abc import Mapping

from aiobotocore.session import AioSession
from botocore.exceptions import InvalidRegionError
from botocore.utils import validate_region_name

from notifyd.errors import ConfigError, Fault


def find_region(configured: str | None, environ: Mapping[str, str]) -> str:
    """The config's, else AWS_REGION (which botocore does not read), AWS_DEFAULT_REGION, the profile's.

    Raises:
        ConfigError: none of them names one, or what they name cannot be one.
    """
    region = configured or environ.get("AWS_REGION") or AioSession().get_config_variable("region")
    if not region:
        raise ConfigError([Fault("aws.region", "no region is set", "set aws.region or AWS_REGION")])
    try:
        validate_region_name(region)
    except InvalidRegionError:
        raise ConfigError([Fault("aws.region", f"is {region!r}", "write one such as eu-central-1")]) from None
    return str(region)
