"""Those who deliver: one file a provider, one line each in PROVIDERS. A leading underscore marks shared parts."""

from __future__ import annotations

from notifyd.core.channel import Channel
from notifyd.providers._apns_config import ApnsConfig
from notifyd.providers._base import ProviderContext as ProviderContext
from notifyd.providers._base import ProviderEntry as ProviderEntry
from notifyd.providers._fcm_config import FcmConfig
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers.apns import build_apns
from notifyd.providers.fcm import build_fcm
from notifyd.providers.ses import SesConfig, build_ses
from notifyd.providers.smtp import build_smtp

PROVIDERS = {
    "apns": ProviderEntry(ApnsConfig, build_apns, Channel.PUSH_IOS),
    "fcm": ProviderEntry(FcmConfig, build_fcm, Channel.PUSH_ANDROID),
    "ses": ProviderEntry(SesConfig, build_ses, Channel.EMAIL),
    "smtp": ProviderEntry(SmtpConfig, build_smtp, Channel.EMAIL),
}
