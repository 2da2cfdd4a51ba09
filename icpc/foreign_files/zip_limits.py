"""What an archive may hold, by its table of contents: nothing is unpacked to find out."""

import zipfile

from ..memory.host import available_memory

_SMALL = 2**26  # bytes that may always be unpacked
_GROWTH = 200  # times that an archive may grow; our choice, arrays of counts compress 50 times


def fault_of_size(archive: zipfile.ZipFile, packed: int) -> str | None:
    """Why an archive is not unpacked in memory: it would grow too much, or it does not fit.

    Args:
        archive: The archive.
        packed: Its length in bytes.

    Returns:
        The fault in words, None where there is none.
    """
    size = sum(info.file_size for info in archive.infolist())
    if size > _SMALL and size > _GROWTH * packed:
        return f'{packed:,} bytes that would grow to {size:,}'
    free = available_memory()
    if size > _SMALL and free is not None and size > free:
        return f'{size:,} bytes when unpacked, and {free:,} bytes of memory are free'
    return None
