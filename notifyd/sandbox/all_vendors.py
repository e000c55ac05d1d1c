"""All vendors of one sandbox, with the accounts that it knows."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.exchange import Vendor
from notifyd.sandbox.vendors.apns import Apns
from notifyd.sandbox.vendors.fcm import Fcm
from notifyd.sandbox.vendors.google_oauth import GoogleOauth
from notifyd.sandbox.vendors.mailchimp import Mailchimp
from notifyd.sandbox.vendors.sendgrid import SendGrid
from notifyd.sandbox.vendors.slack import Slack, SlackWebhook
from notifyd.sandbox.vendors.sns import Sns
from notifyd.sandbox.vendors.twilio import Twilio
from notifyd.sandbox.vendors.vonage import Vonage
from notifyd.sandbox.vendors.web_push import WebPush
from notifyd.sandbox.vendors.webhook import WebhookReceiver

# The others speak HTTP/1.1.
HTTP2 = frozenset({Apns.name, Fcm.name})


class Vendors:
    """Each by its name, typed: a test sets `unregistered`, `gone`, `rejected` and the like on it."""

    def __init__(self, known: Credentials, clock: Clock) -> None:
        self.sendgrid = SendGrid(api_key=known.sendgrid_api_key, clock=clock)
        self.mailchimp = Mailchimp(api_key=known.mailchimp_api_key)
        self.sns_sms = Sns()
        self.twilio = Twilio(account_sid=known.twilio_account_sid, auth_token=known.twilio_auth_token, clock=clock)
        self.vonage = Vonage(api_key=known.vonage_api_key, api_secret=known.vonage_api_secret)
        self.apns = Apns(
            topics={known.apns_topic},
            key_id=known.apns_key_id,
            team_id=known.apns_team_id,
            public_key=_ec_key(known.apns_key_p8).public_key(),
            clock=clock,
        )
        self.google_oauth = GoogleOauth(
            client_email=known.fcm_client_email,
            key_id=known.fcm_key_id,
            public_key=_rsa_key(known.fcm_private_key).public_key(),
            clock=clock,
        )
        self.fcm = Fcm(project_id=known.fcm_project_id, is_valid=self.google_oauth.is_valid)
        self.web_push = WebPush(application_server_key=known.vapid_public_key, clock=clock)
        self.slack = Slack(token=known.slack_token, clock=clock)
        self.slack_webhook = SlackWebhook(paths={known.slack_hook_path}, clock=clock)
        self.webhook = WebhookReceiver(secrets=[known.webhook_secret])

    def all(self) -> list[Vendor]:
        """In the order of their ports."""
        return list(vars(self).values())


def _ec_key(pem: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - made so by Credentials
    return key


def _rsa_key(pem: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - made so by Credentials
    return key
