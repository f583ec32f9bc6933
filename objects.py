"""Objects behind one small surface: S3 and plain folders look the same to everything above.

    Objects             the surface: list, folders, read, write, exists
    ├── S3Objects       one bucket, through a boto3 client made by `s3_client` (or anywhere else)
    └── FolderObjects   one folder of this machine, for file:// and tests

Keys use "/" everywhere. What goes wrong is a `PlaceError`: its kind for programs, one sentence for people.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config as BotoConfig


Names = list[str]


class PlaceProblem(StrEnum):
    """Why a place could not be used."""

    UNREACHABLE = "unreachable"
    DENIED = "denied"
    NO_BUCKET = "no_bucket"
    NO_KEY = "no_key"
    BAD_URI = "bad_uri"


class PlaceError(Exception):
    """One sentence that names the bucket and the key and says what to do; never a credential."""

    def __init__(self, kind: PlaceProblem, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One stored object: `size` in bytes, `modified` in UTC, `etag` without its quotes."""

    bucket: str
    key: str
    etag: str
    size: int
    modified: datetime


class Objects(Protocol):
    """A bucket, or a folder that stands for one. Every method may raise `PlaceError`."""

    def list(self, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """Objects whose key begins with `prefix` and sorts after `start_after`, in order of UTF-8 bytes."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, in the same order; no object is read for it."""

    def folders(self, prefix: str) -> Names:
        """The names one level below `prefix` (a folder, with or without its closing "/"), sorted."""

    def read(self, key: str) -> bytes:
        """The bytes of `key`."""

    def read_with_etag(self, key: str) -> tuple[bytes, str]:
        """The bytes of `key` and the ETag of exactly these bytes."""

    def write(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data` under `key`, whole or not at all, replacing what was there."""

    def exists(self, key: str) -> bool:
        """Whether there is an object under exactly `key`."""


class S3Client(Protocol):
    """What is used of a boto3 S3 client."""

    get_object: Callable[..., Any]
    put_object: Callable[..., Any]
    head_object: Callable[..., Any]
    get_paginator: Callable[..., Any]


def s3_client(region: str | None = None, role: str | None = None) -> S3Client:
    """A boto3 S3 client from the ordinary credential chain; `AWS_ENDPOINT_URL` is honoured.

    Args:
        region: AWS region; None takes the environment's.
        role: ARN of a role to assume first, to read across accounts. Its credentials renew themselves.

    Raises:
        PlaceError: UNREACHABLE, where the settings give no client.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    retries = {"mode": "standard", "total_max_attempts": 4}
    config = Config(connect_timeout=5, read_timeout=60, retries=retries, max_pool_connections=32)
    try:
        client: S3Client = aws_client("s3", region, role, config)
    except BotoCoreError as error:
        raise PlaceError(PlaceProblem.UNREACHABLE, f"AWS can't be asked: {aws_told(error)}") from error
    return client


def aws_client(
    service: str, region: str | None = None, role: str | None = None, config: BotoConfig | None = None
) -> Any:  # noqa: ANN401 - boto3 makes it at run time
    """A boto3 client of a service, in a role where one is given.

    Raises:
        BotoCoreError: the settings give none, such as no region or an endpoint that is no URL.
    """
    from botocore.exceptions import InvalidEndpointConfigurationError

    try:
        return aws_session(region, role).client(service, config=config)
    except ValueError as error:  # what botocore raises for the URL
        raise InvalidEndpointConfigurationError(msg=str(error)) from error


def aws_told(error: Exception) -> str:
    """What is wrong with AWS's settings, and which of them to change; `error` is one of botocore's."""
    from botocore import exceptions as boto

    advice = "check AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and credentials"
    if isinstance(error, boto.NoRegionError):
        return "no region is given: set AWS_REGION, or 'region' in kedge.yaml"
    if isinstance(error, boto.ProfileNotFound):
        advice = "check AWS_PROFILE"
    elif isinstance(error, boto.InvalidEndpointConfigurationError | boto.EndpointConnectionError):
        advice = "check AWS_ENDPOINT_URL and the network"
    elif isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        advice = "give credentials in the environment, a profile or an instance role"
    said = " ".join(str(error).split()).rstrip(".")
    return f"{said}: {advice}"


def aws_session(region: str | None = None, role: str | None = None) -> boto3.Session:
    """A boto3 session from the ordinary credential chain, in a role where one is given.

    Without a `region` it is AWS_REGION's, as in AWS's other tools; boto3 knows AWS_DEFAULT_REGION and the
    profile's alone.
    """
    import boto3

    region = region or os.environ.get("AWS_REGION") or None
    return _assumed(role, region) if role else boto3.Session(region_name=region)


def _assumed(role: str, region: str | None) -> boto3.Session:
    """A session in the given role, renewed before it ends."""
    import boto3
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.session import get_session

    own, assumed = get_session(), get_session()
    if region is not None:
        own.set_config_variable("region", region)  # where the role is asked for
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=own.create_client,
        source_credentials=own.get_credentials(),
        role_arn=role,
        extra_args={"RoleSessionName": "kedge"},
    )
    assumed._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    return boto3.Session(botocore_session=assumed, region_name=region)


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
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            data: bytes = answer["Body"].read()
        return data, str(answer["ETag"]).strip('"')

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


class FolderObjects:
    """The files below a folder of this machine, which is its `bucket`.

    The ETag is a digest of the content, so a file rewritten with the same bytes is the same object, and one
    changed within the clock's grain is another.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket = _shown(root.absolute())
        self._etags: dict[str, tuple[tuple[int, int, int], str]] = {}

    def list(self, prefix: str, start_after: str = "") -> Iterator[ObjectRef]:
        """See `Objects.list`."""
        after = os.fsencode(start_after)
        for key in self.keys(prefix):
            if os.fsencode(key) > after and (found := self._ref(key)) is not None:
                yield found

    def keys(self, prefix: str) -> Iterator[str]:
        """See `Objects.keys`."""
        # a name that is no UTF-8 is still a name of this machine
        yield from sorted(self._keys(prefix), key=os.fsencode)

    def _keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, walking only the deepest folder that it names."""
        start = self._path(prefix.rpartition("/")[0])
        self._require_root()
        for folder, _, names in os.walk(start, onerror=_unless_absent):
            base = Path(folder).relative_to(self.root).as_posix()
            for name in names:
                key = name if base == "." else f"{base}/{name}"
                if key.startswith(prefix) and not name.startswith(_TEMPORARY):
                    yield key

    def _ref(self, key: str) -> ObjectRef | None:
        """What is known of a file; None where it went while its folder was read."""
        path = self.root / key
        with _file_faults(path):
            try:
                status = path.stat()
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                return ObjectRef(self.bucket, key, self._etag(key, status), status.st_size, modified)
            except FileNotFoundError:
                return None

    def _etag(self, key: str, status: os.stat_result) -> str:
        """The digest of a file's content, computed again only where the file changed since the last time."""
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._etags.get(key)
        if known is None or known[0] != seen:
            known = (seen, _digest((self.root / key).read_bytes()))
            self._etags[key] = known
        return known[1]

    def folders(self, prefix: str) -> Names:
        """See `Objects.folders`; a folder that is not there has none below it."""
        path = self._path(prefix.rstrip("/"))
        self._require_root()
        with _file_faults(path):
            return sorted(entry.name for entry in path.iterdir() if entry.is_dir()) if path.is_dir() else []

    def read(self, key: str) -> bytes:
        """See `Objects.read`."""
        path = self._path(key)
        with _file_faults(path):
            return path.read_bytes()

    def read_with_etag(self, key: str) -> tuple[bytes, str]:
        """See `Objects.read_with_etag`."""
        data = self.read(key)
        return data, _digest(data)

    def write(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """See `Objects.write`; the content type has nowhere to go in a folder."""
        path = self._path(key)
        with _file_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                os.chmod(temporary, 0o644)
                os.replace(temporary, path)
            except BaseException:
                Path(temporary).unlink(missing_ok=True)
                raise

    def exists(self, key: str) -> bool:
        """See `Objects.exists`."""
        path = self._path(key)
        with _file_faults(path):
            return path.is_file()

    def _require_root(self) -> None:
        if not self.root.is_dir():
            raise PlaceError(PlaceProblem.NO_BUCKET, f"there is no folder {self.root}: check the path")

    def _path(self, key: str) -> Path:
        """The file of a key, which never lies outside the root."""
        parts = key.split("/")
        if ".." in parts or key.startswith("/") or "\0" in key:
            raise PlaceError(
                PlaceProblem.BAD_URI, f"the key {key!r} leads out of {self.root}: give a key below the folder"
            )
        return self.root / key


_TEMPORARY = ".kedge-"


def _shown(path: Path) -> str:
    """A path as text that can be stored and printed, whatever bytes it is made of."""
    return str(path).encode("utf-8", "replace").decode()


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _unless_absent(error: OSError) -> None:
    """Whatever keeps a folder from being read is said, but that there is none."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        with _file_faults(Path(error.filename)):
            raise error


@contextmanager
def _file_faults(path: Path) -> Iterator[None]:
    """Turn what the file system raises into `PlaceError`."""
    shown = _shown(path)
    try:
        yield
    except (NotADirectoryError, FileExistsError) as error:
        what = f"there can be no {shown}: a file stands where one of its folders should be"
        raise PlaceError(PlaceProblem.NO_KEY, f"{what}; check the path") from error
    except (FileNotFoundError, IsADirectoryError) as error:
        raise PlaceError(PlaceProblem.NO_KEY, f"there is no file {shown}: check the path") from error
    except PermissionError as error:
        what = f"access to {shown} is denied"
        raise PlaceError(PlaceProblem.DENIED, f"{what}: let this user read and write it") from error
    except OSError as error:
        what = f"cannot use {shown} ({error.strerror})"
        raise PlaceError(PlaceProblem.UNREACHABLE, f"{what}: check the disk and the mount") from error


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address points: `objects`, the key `prefix` in it (without its closing "/"), the address."""

    objects: S3Objects | FolderObjects
    prefix: str
    uri: str

    def key(self, name: str) -> str:
        """The key of `name` below this place."""
        return f"{self.prefix}/{name}" if self.prefix else name


def open_place(
    uri: str, s3: S3Client | Callable[[], S3Client] | None = None, *, kms_key: str | None = None
) -> Place:
    """The place that `uri` names: s3://bucket/prefix, file:///folder or a plain path.

    Args:
        uri: the address.
        s3: a client, or what makes one (called only for s3://); None makes one by `s3_client()`.
        kms_key: the KMS key by which S3 encrypts what is written there; None leaves that to the bucket.

    Raises:
        PlaceError: BAD_URI.
    """
    scheme, colon, rest = uri.partition("://")
    if scheme == "s3":
        return _s3_place(uri, s3, kms_key)
    if scheme == "file":
        host, _, path = rest.partition("/")
        if host not in ("", "localhost") or not path:
            raise PlaceError(PlaceProblem.BAD_URI, f"the address {uri} names no folder: write file:///folder")
        return Place(FolderObjects(Path("/" + unquote(path))), "", uri)
    if colon or not uri or "\0" in uri:
        advice = "write s3://bucket/prefix, file:///folder or a path"
        raise PlaceError(PlaceProblem.BAD_URI, f"the address {uri!r} is not one: {advice}")
    return Place(FolderObjects(Path(uri).expanduser()), "", uri)


def _s3_place(uri: str, s3: S3Client | Callable[[], S3Client] | None, kms_key: str | None) -> Place:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise PlaceError(PlaceProblem.BAD_URI, _no_bucket(bucket))
    client = s3_client() if s3 is None else s3() if callable(s3) else s3
    return Place(S3Objects(bucket, client, kms_key), prefix.strip("/"), uri)


def _no_bucket(text: str) -> str:
    """What is wrong with a bucket's name, which is not shown where it may hold a secret."""
    if not text:
        return "the S3 address names no bucket: write s3://bucket/prefix"
    if "@" in text or ":" in text:
        return "the S3 address holds more than a bucket: write s3://bucket/prefix, without credentials"
    advice = "write s3://bucket/prefix, the bucket's name in 3 or more letters, digits, hyphens and dots"
    return f"{text!r} in the S3 address can't be a bucket: {advice}"


_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
