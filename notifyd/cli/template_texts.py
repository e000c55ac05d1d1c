"""The configured templates, and what is wrong with them and with the catalog that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notifyd.cli.setup import open_session
from notifyd.errors import AwsError, ConfigError, Fault, TransportError

if TYPE_CHECKING:
    from notifyd.config import Config
    from notifyd.core.channel import Channel
    from notifyd.core.template_fault import Finding


async def fetch_texts(config: Config) -> dict[str, str]:
    """`<type>/<channel>.<part>` → text. Raises ConfigError."""
    from notifyd.aws.outage import is_outage
    from notifyd.aws.template_store import S3TemplateStore
    from notifyd.template_folder import TemplateFolder

    if config.templates.s3 is None:
        fetched = await TemplateFolder(config.templates.folder).fetch(None)
    else:
        try:
            async with open_session(config) as session:
                fetched = await S3TemplateStore(config.templates.s3, session).fetch(None)
        except (AwsError, TransportError) as error:
            mend = "look at credentials, region, network and what this role may do"
            fault = Fault(config.templates.s3, f"cannot be read: {error}", mend, is_outage=is_outage(error))
            raise ConfigError([fault]) from None
    return fetched[1] if fetched else {}


async def template_faults(config: Config) -> list[Fault]:
    """Of the catalog, or where that is right, of the templates that it names."""
    from notifyd.catalog_file import load_catalog
    from notifyd.core.template_lint import lint

    try:
        catalog = load_catalog(config.catalog)
        texts = await fetch_texts(config)
    except ConfigError as error:
        return error.faults
    wanted: dict[str, tuple[Channel, ...]] = {}
    for type_ in catalog.types:
        wanted[type_.template] = tuple(dict.fromkeys((*wanted.get(type_.template, ()), *type_.channels)))
    return [template_fault(config, finding) for finding in lint(texts, wanted)]


def template_fault(config: Config, finding: Finding) -> Fault:
    """With the folder or bucket that the template is in."""
    place = config.templates.s3 or str(config.templates.folder)
    return Fault(f"{place.rstrip('/')}/{finding.where}", finding.what, finding.mend)
