"""The real boto3, pointed at a server of ours."""

from typing import Any

import boto3
from botocore.config import Config

from servers import Server

__all__ = ["boto3_client"]


def boto3_client(
    server: Server,
    *,
    key: dict[str, str] | None = None,
    attempts: int = 1,
    checks_parameters: bool = True,
) -> Any:
    """A client of the runtime, with the server's key or another. Without its own checks it sends
    what it would refuse, so that the server has to."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="eu-west-3",
        aws_access_key_id=key["access_key_id"] if key else server.access_key_id,
        aws_secret_access_key=key["secret_access_key"] if key else server.secret_access_key,
        config=Config(
            parameter_validation=checks_parameters,
            retries={"total_max_attempts": attempts, "mode": "standard"},
        ),
    )
