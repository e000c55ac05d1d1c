"""What the stand-in for SES knows of its account, and SES's way of saying no."""

from __future__ import annotations

from email.utils import parseaddr

import msgspec

from notifyd.sandbox.ses_model import SendBulkEmail, SendEmail


class SesError(Exception):
    """`code` goes into x-amzn-ErrorType, the text into the body's message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Account(msgspec.Struct):
    """`identities` None: every sender is verified. `configuration_sets`: name → whether it sends."""

    production_access: bool = True
    sending_enabled: bool = True
    send_rate_max: float = 1000.0
    identities: set[str] | None = None
    configuration_sets: dict[str, bool] = {}

    def let_send(self, request: SendBulkEmail | SendEmail) -> None:
        """Raises SesError where SES would refuse the whole request."""
        if not self.sending_enabled:
            raise SesError(400, "SendingPausedException", "Sending paused for this account.")
        if request.configuration_set_name is not None:
            self.configuration_set_answer(request.configuration_set_name)
        address = parseaddr(request.from_email_address)[1]
        if not (self._is_verified(address) or self._is_verified(address.rpartition("@")[2])):
            raise SesError(400, "MessageRejected", "Email address is not verified.")

    def answer(self, sent: int) -> dict[str, object]:
        """GetAccount's."""
        return {
            "DedicatedIpAutoWarmupEnabled": False,
            "EnforcementStatus": "HEALTHY" if self.sending_enabled else "SHUTDOWN",
            "ProductionAccessEnabled": self.production_access,
            "SendingEnabled": self.sending_enabled,
            "SendQuota": {
                "Max24HourSend": self.send_rate_max * 86_400,
                "MaxSendRate": self.send_rate_max,
                "SentLast24Hours": float(sent),
            },
        }

    def identity_answer(self, name: str) -> dict[str, object]:
        """GetEmailIdentity's."""
        if not self._is_verified(name):
            raise SesError(404, "NotFoundException", f"Email identity {name} does not exist.")
        kind = "EMAIL_ADDRESS" if "@" in name else "DOMAIN"
        return {"IdentityType": kind, "VerifiedForSendingStatus": True}

    def configuration_set_answer(self, name: str) -> dict[str, object]:
        """GetConfigurationSet's."""
        if name not in self.configuration_sets:
            raise SesError(404, "NotFoundException", f"Configuration set <{name}> does not exist.")
        sends = self.configuration_sets[name]
        return {"ConfigurationSetName": name, "SendingOptions": {"SendingEnabled": sends}}

    def _is_verified(self, identity: str) -> bool:
        return self.identities is None or identity in self.identities
