"""One folder of this machine, for file:// and tests."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from objects.problem import PlaceError, PlaceProblem
from objects.surface import Names, ObjectRef


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
