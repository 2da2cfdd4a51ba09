"""What was downloaded: a folder, archives, or a folder of archives, read as one tree of files."""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...errors import UserError
from ...names_file import text_lines

_LARGEST = 2**31  # bytes of one file of an archive, which is read as a whole; our choice
_ZIP, _TAR = ('.zip',), ('.tar',)
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError)
_OF_SYSTEMS = {'__macosx', 'thumbs.db', 'desktop.ini'}  # beside the files, on some computers
_PACKED_TAR = ('.tgz', '.tar.gz', '.tar.bz2', '.tar.xz')


class Source:
    """Files of a download by their posix paths; nothing is unpacked to disk.

    Linked folders are entered. Hidden files and those that systems put beside others (`._*`,
    `__MACOSX`, `Thumbs.db`, `desktop.ini`) are left alone.

    Args:
        root: A folder, a .zip or an uncompressed .tar; archives inside a folder are looked into.

    Raises:
        UserError: When the path does not exist, a link in it leads nowhere, an archive is broken
            or of a kind that cannot be read file by file.
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
                path = PurePosixPath(name)
                if not any(map(_is_hidden, path.parts)):
                    self._places.setdefault(str(path), (container, name))
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
            above = frozenset(container.resolve().parents)
            for path in _files_below(container, above):
                if not _is_archive(path):
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
            except _BROKEN as error:
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
                if archive.getinfo(name).file_size > _LARGEST:
                    raise UserError(f'{container}: {name} in it has more than {_LARGEST:,} bytes')
                return archive.read(name)
            return archive.extractfile(name).read()
        except (*_BROKEN, KeyError, RuntimeError, NotImplementedError) as error:
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

    def folders(self, name: str) -> dict[str, dict[str, str]]:
        """Every folder of a name -> its files: path below it -> whole path.

        Args:
            name: Such as 'images' or 'train/images', which may stand anywhere in the tree;
                './images' is that at its root alone, '.' the root itself.
        """
        wanted = str(PurePosixPath(name))
        if wanted == '.':
            return {'.': {path: path for path in self.paths()}}
        found: dict[str, dict[str, str]] = {}
        for path in self.paths():
            place = f'/{path}'.find(f'/{wanted}/')
            if place == 0 or (place > 0 and not name.startswith('./')):
                root = path[: place + len(wanted)]
                found.setdefault(root, {})[path[len(root) + 1 :]] = path
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


def listed_names(source: Source, path: str) -> list[str]:
    """The names in a list of the source, a line each, without outer spaces; blank lines are none.

    Args:
        source: Holds the list.
        path: The list's path in it.

    Raises:
        UserError: It is no text, in another encoding, or empty.
    """
    lines = text_lines(source.read(path), path, PurePosixPath(path).name)
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UserError(f'{path}: the list is empty')
    return names


def _files_below(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Files in a folder and in those below it; a link to a folder above it ends there."""
    real = folder.resolve()
    if real in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        for entry in entries:
            path = folder / entry.name
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                yield from _files_below(path, above | {real})
            elif entry.is_file():
                yield path
            elif entry.is_symlink():
                raise UserError(
                    f'{path}: a link to {os.readlink(path)}, which does not exist; bring that back '
                    'or remove the link'
                )
    except OSError as error:
        raise UserError(f'{folder}: cannot be read ({error.strerror})') from error


def _is_hidden(name: str) -> bool:
    """Whether a file or folder of that name is the system's, not the data's."""
    return (name.startswith('.') and name not in ('.', '..')) or name.lower() in _OF_SYSTEMS


def _opened(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    return zipfile.ZipFile(path) if path.name.lower().endswith(_ZIP) else tarfile.open(path, 'r:')  # noqa: SIM115


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith((*_ZIP, *_TAR, *_PACKED_TAR))
