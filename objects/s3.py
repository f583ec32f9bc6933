"""One bucket of S3, and what S3 answers when it refuses."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from objects.aws import S3Client
from objects.problem import PlaceError, PlaceProblem
from objects.surface import Names, ObjectRef


class S3Objects:
    """The objects of one bucket."""

    def __init__(self, bucket: str, client: S3Client, kms_key: str | None = None) -> None:
        self.bucket = bucket
        self._client = client
        self._encrypted = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key is not None else {}
        )

    def list(self, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """See `Objects.list`; pages of 1000 are fetched as they are asked for."""
        more = {"StartAfter": start_after} if start_after else {}
        for page in self._pages(Prefix=prefix, **more):
            for item in page.get("Contents", ()):
                modified = item["LastModified"].astimezone(UTC)
                yield ObjectRef(self.bucket, item["Key"], item["ETag"].strip('"'), item["Size"], modified)

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Objects.keys`."""
        return (ref.key for ref in self.list(prefix))

    def folders(self, prefix: str) -> Names:
        """See `Objects.folders`."""
        base = f"{prefix.rstrip('/')}/" if prefix else ""
        pages = self._pages(Prefix=base, Delimiter="/")
        found = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
        return sorted(name[len(base) : -1] for name in found)

    def _pages(self, **request: str) -> Iterator[dict[str, Any]]:
        with _s3_faults(self.bucket, request["Prefix"]):
            yield from self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, **request)

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        return self.read_with_etag(key)[0]

    def read_with_etag(self, key: str) -> tuple[bytes, str]:
        """See `Objects.read_with_etag`."""
        with _s3_faults(self.bucket, key):
            for pause in _PAUSES:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
                try:
                    return answer["Body"].read(), _etag(answer)
                except _broken_off():
                    time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (so that not all come back at once)
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            return answer["Body"].read(), _etag(answer)

    def write(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """See `Objects.write`."""
        with _s3_faults(self.bucket, key):
            self._client.put_object(
                Bucket=self.bucket, Key=key, Body=data, ContentType=content_type, **self._encrypted
            )

    def exists(self, key: str) -> bool:
        """See `Objects.exists`."""
        try:
            with _s3_faults(self.bucket, key):
                self._client.head_object(Bucket=self.bucket, Key=key)
        except PlaceError as error:
            if error.kind is PlaceProblem.NO_KEY:
                return False
            raise
        return True


_PAUSES = (0.1, 0.4, 1.6)
"""Seconds before an object whose bytes broke off is asked for again; requests are retried by boto3 itself."""


def _etag(answer: dict[str, Any]) -> str:
    return str(answer["ETag"]).strip('"')


def _broken_off() -> tuple[type[Exception], ...]:
    """What botocore raises, and does not retry, where the bytes of an object end before their time."""
    from botocore import exceptions as boto

    return boto.IncompleteReadError, boto.ResponseStreamingError


@contextmanager
def _s3_faults(bucket: str, key: str) -> Iterator[None]:
    """Turn what boto3 raises into `PlaceError`."""
    from botocore import exceptions as boto

    where = f"s3://{bucket}/{key}"
    try:
        yield
    except boto.ClientError as error:
        raise _refused(str(error.response.get("Error", {}).get("Code", "")), bucket, where) from error
    except boto.CredentialRetrievalError as error:
        what = f"cannot get AWS credentials to use {where} now"
        advice = "it may pass; check what gives them out"
        raise PlaceError(PlaceProblem.UNREACHABLE, f"{what}: {advice}") from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        advice = "give them in the environment, a profile or an instance role"
        raise PlaceError(PlaceProblem.DENIED, f"no AWS credentials to use {where}: {advice}") from error
    except boto.BotoCoreError as error:
        what = f"cannot reach {where} ({type(error).__name__})"
        advice = "check the network, the region and AWS_ENDPOINT_URL"
        raise PlaceError(PlaceProblem.UNREACHABLE, f"{what}: {advice}") from error


_NO_KEY = {"NoSuchKey", "404", "NotFound"}
_DENIED = {
    "403", "AccessDenied", "AllAccessDisabled", "Forbidden", "InvalidAccessKeyId",
    "InvalidToken", "SignatureDoesNotMatch", "InvalidClientTokenId", "UnrecognizedClientException",
}  # fmt: skip
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}


def _refused(code: str, bucket: str, where: str) -> PlaceError:
    """The error for an answer of S3 that carries an error code."""
    if code == "NoSuchBucket":
        what = f"there is no bucket {bucket} (for {where})"
        return PlaceError(PlaceProblem.NO_BUCKET, f"{what}: check its name and the region")
    if code in _NO_KEY:
        return PlaceError(PlaceProblem.NO_KEY, f"there is no object {where}: check the key")
    if code in _EXPIRED:
        advice = "renew them where they are not renewed by themselves"
        return PlaceError(
            PlaceProblem.UNREACHABLE, f"the AWS credentials to use {where} have expired ({code}): {advice}"
        )
    if code in _DENIED:
        advice = "allow the identity in use s3:ListBucket, s3:GetObject and s3:PutObject there"
        return PlaceError(PlaceProblem.DENIED, f"access to {where} is denied ({code}): {advice}")
    what = f"S3 answered {code or 'an error'} for {where}"
    return PlaceError(PlaceProblem.UNREACHABLE, f"{what}: check the region, or try again later")
