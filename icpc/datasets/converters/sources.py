"""What was downloaded: a folder, archives, or a folder of archives, read as one tree of files."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...errors import UserError

_ZIP, _TAR = ('.zip',), ('.tar',)
_PACKED_TAR = ('.tgz', '.tar.gz', '.tar.bz2', '.tar.xz')


class Source:
    """Files of a download by their posix paths; nothing is unpacked to disk.

    Args:
        root: A folder, a .zip or an uncompressed .tar; archives inside a folder are looked into.

    Raises:
        UserError: When the path does not exist, an archive is broken or of a kind that cannot be
            read file by file.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        if not self.root.exists():
            raise UserError(f'--source {root}: no such file or folder')
        # path -> (container, path inside it); a container is a folder or an archive.
        self._places: dict[str, tuple[Path, str]] = {}
        self._open: dict[Path, zipfile.ZipFile | tarfile.TarFile] = {}
        for container in self._containers():
            for name in self._names(container):
                self._places.setdefault(str(PurePosixPath(name)), (container, name))
        if not self._places:
            raise UserError(f'--source {root}: no files in it')

    def __getstate__(self) -> dict:
        return {**self.__dict__, '_open': {}}  # every process opens archives itself

    def _containers(self) -> list[Path]:
        if self.root.is_file():
            return [self.root]
        archives = [p for p in sorted(self.root.iterdir()) if p.is_file() and _is_archive(p)]
        return [self.root, *archives]

    def _names(self, container: Path) -> Iterator[str]:
        if container.is_dir():
            for path in container.rglob('*'):
                if path.is_file() and not _is_archive(path):
                    yield path.relative_to(container).as_posix()
            return
        if not _is_archive(container):
            raise UserError(
                f'--source {container}: neither a folder nor a .zip or .tar; if it is packed '
                'otherwise, unpack it and give the folder'
            )
        if container.name.lower().endswith(_PACKED_TAR):
            raise UserError(
                f'{container}: single files cannot be read from a compressed tar; unpack it first '
                f'(tar xf {container.name}) and give the folder'
            )
        archive = self._archive(container)
        if isinstance(archive, zipfile.ZipFile):
            yield from (info.filename for info in archive.infolist() if not info.is_dir())
        else:
            yield from (member.name for member in archive.getmembers() if member.isfile())

    def _archive(self, path: Path) -> zipfile.ZipFile | tarfile.TarFile:
        if path not in self._open:
            try:
                self._open[path] = _opened(path)
            except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
                raise UserError(
                    f'{path}: a broken archive ({error}); the download probably stopped early, '
                    'fetch it again'
                ) from error
        return self._open[path]

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            UserError: When it does not exist or its archive is damaged there.
        """
        if path not in self._places:
            raise UserError(f'{self.root}: no file {path} in it')
        container, name = self._places[path]
        if container.is_dir():
            return (container / name).read_bytes()
        archive = self._archive(container)
        try:
            if isinstance(archive, zipfile.ZipFile):
                return archive.read(name)
            return archive.extractfile(name).read()
        except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise UserError(f'{container}: {name} in it is damaged ({error})') from error

    def paths(self) -> list[str]:
        """All files, sorted."""
        return sorted(self._places)

    def under(self, folder: str, suffix: str) -> dict[str, str]:
        """Files below a folder wherever that stands in the tree: path below it -> whole path.

        Args:
            folder: Such as 'images/training'; several levels match only together.
            suffix: Such as '.jpg'; upper and lower case are the same.
        """
        middle, found = f'/{folder}/', {}
        for path in self.paths():
            place = f'/{path}'.find(middle)
            if place >= 0 and path.lower().endswith(suffix):
                found.setdefault(f'/{path}'[place + len(middle) :], path)
        return found

    def one(self, ending: str) -> str:
        """The path of the only file that ends so, such as 'imageLists/train.txt'.

        Raises:
            UserError: When there is none or more than one.
        """
        found = [path for path in self.paths() if f'/{path}'.endswith(f'/{ending}')]
        if len(found) != 1:
            what = 'no file' if not found else f'{len(found)} files'
            raise UserError(f'--source {self.root}: {what} {ending}; it holds {self.overview()}')
        return found[0]

    def overview(self) -> str:
        """The first folders, for messages."""
        folders = sorted({str(PurePosixPath(path).parent) for path in self._places})
        more = f', ... ({len(folders)} folders)' if len(folders) > 6 else ''
        return f'{len(self._places)} files in {", ".join(folders[:6])}{more}'


def _opened(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    return zipfile.ZipFile(path) if path.name.lower().endswith(_ZIP) else tarfile.open(path, 'r:')  # noqa: SIM115


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((*_ZIP, *_TAR, *_PACKED_TAR))
