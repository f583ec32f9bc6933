"""Objects behind one small surface: S3 and plain folders look the same to everything above.

    Objects             the surface: list, folders, read, write, exists
    ├── S3Objects       one bucket, through a boto3 client made by `s3_client` (or anywhere else)
    └── FolderObjects   one folder of this machine, for file:// and tests

Keys use "/" everywhere. What goes wrong is a `PlaceError`: its kind for programs, one sentence for people.
"""

from objects.aws import AwsClient, S3Client, aws_client, aws_session, aws_told, s3_client
from objects.folder import FolderObjects
from objects.place import Place, open_place
from objects.problem import PlaceError, PlaceProblem
from objects.s3 import S3Objects
from objects.surface import Names, ObjectRef, Objects

__all__ = [
    "AwsClient",
    "FolderObjects",
    "Names",
    "ObjectRef",
    "Objects",
    "Place",
    "PlaceError",
    "PlaceProblem",
    "S3Client",
    "S3Objects",
    "aws_client",
    "aws_session",
    "aws_told",
    "open_place",
    "s3_client",
]
