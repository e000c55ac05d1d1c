"""Those who deliver: one file a provider, one line each in PROVIDERS. A leading underscore marks shared parts."""

from __future__ import annotations

from notifyd.core.channel import Channel
from notifyd.providers._apns_config import ApnsConfig
from notifyd.providers._base import ProviderContext as ProviderContext
from notifyd.providers._base import ProviderEntry as ProviderEntry
from notifyd.providers._fcm_config import FcmConfig
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers._web_push_config import WebPushConfig
from notifyd.providers.apns import build_apns
from notifyd.providers.fcm import build_fcm
from notifyd.providers.mailchimp import MailchimpConfig, build_mailchimp
from notifyd.providers.sendgrid import SendGridConfig, build_sendgrid
from notifyd.providers.ses import SesConfig, build_ses
from notifyd.providers.slack import SlackConfig, build_slack
from notifyd.providers.smtp import build_smtp
from notifyd.providers.sns_sms import SnsSmsConfig, build_sns_sms
from notifyd.providers.twilio import TwilioConfig, build_twilio
from notifyd.providers.vonage import VonageConfig, build_vonage
from notifyd.providers.web_push import build_web_push
from notifyd.providers.webhook import WebhookConfig, build_webhook

PROVIDERS = {
    "apns": ProviderEntry(ApnsConfig, build_apns, Channel.PUSH_IOS),
    "fcm": ProviderEntry(FcmConfig, build_fcm, Channel.PUSH_ANDROID),
    "mailchimp": ProviderEntry(MailchimpConfig, build_mailchimp, Channel.EMAIL),
    "sendgrid": ProviderEntry(SendGridConfig, build_sendgrid, Channel.EMAIL),
    "ses": ProviderEntry(SesConfig, build_ses, Channel.EMAIL),
    "slack": ProviderEntry(SlackConfig, build_slack, Channel.CHAT, "slack"),
    "smtp": ProviderEntry(SmtpConfig, build_smtp, Channel.EMAIL),
    "sns_sms": ProviderEntry(SnsSmsConfig, build_sns_sms, Channel.SMS),
    "twilio": ProviderEntry(TwilioConfig, build_twilio, Channel.SMS),
    "vonage": ProviderEntry(VonageConfig, build_vonage, Channel.SMS),
    "web_push": ProviderEntry(WebPushConfig, build_web_push, Channel.WEB_PUSH),
    "webhook": ProviderEntry(WebhookConfig, build_webhook, Channel.CHAT, "webhook"),
}
