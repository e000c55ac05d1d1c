"""Alerts to an SNS topic."""

from __future__ import annotations

from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

log = structlog.get_logger(__name__)

_SUBJECT_MAX = 100  # SNS's bound, ASCII


class SnsAlerts:
    """Implements `ports.Alerts` on an aiobotocore client. The log has every alert too."""

    def __init__(self, client: Any, topic_arn: str, *, service_name: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._service_name = service_name

    async def raise_alert(self, subject: str, text: str) -> None:
        log.error("alert", subject=subject, text=text)
        title = f"{self._service_name}: {subject}".encode("ascii", "replace").decode()[:_SUBJECT_MAX]
        try:
            await self._client.publish(
                TopicArn=self._topic_arn, Subject=title.replace("\n", " "), Message=f"{subject}\n\n{text}"
            )
        except (ClientError, BotoCoreError, OSError) as fault:
            log.warning("alert_not_published", subject=subject, error=str(fault))
