"""What the operating system refuses, in words: the reason and what to do about it."""

import errno

_RIGHTS = ('permission denied', 'let this user read or write it (chmod, chown), or give another')
_FULL = 'make room, or give a place on another disk'
_SEVERAL = 'raise the limit (ulimit -n 65536), or take fewer num_workers'
# Number -> reason, advice.
_KNOWN: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ('the disk is full', _FULL),
    errno.EDQUOT: ('the disk quota is used up', _FULL),
    errno.EFBIG: ('files may not be as large here', 'give a place on another file system'),
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: ('the file system is read-only', 'give a place that can be written'),
    errno.ENOENT: ('no such file or folder', 'give one that exists'),
    errno.ENOTDIR: ('a part of the path is a file, not a folder', 'give another path'),
    errno.EEXIST: ('a file stands where a folder is needed', 'move it away, or give another path'),
    errno.EISDIR: ('it is a folder, not a file', 'give a file'),
    errno.ENOTEMPTY: ('the folder is not empty', 'give a new one'),
    errno.ENAMETOOLONG: ('the name is too long', 'give a shorter one'),
    errno.EINVAL: ('the name is not allowed here', 'give another one'),
    errno.ELOOP: ('its links lead back to each other', 'give the path that they stand for'),
    errno.EIO: ('the device failed to read or write it', 'take a copy from elsewhere'),
    errno.ESTALE: ('it is gone from the file server', 'try again when the server is back'),
    errno.EMFILE: ('too many open files', _SEVERAL),
    errno.ENFILE: ('too many open files on this machine', _SEVERAL),
}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WITHOUT_FILE = NO_ROOM | {errno.EMFILE, errno.ENFILE}


def reason_of(error: OSError) -> str:
    """Why the system refused, in a few words."""
    known = _KNOWN.get(error.errno or 0)
    return known[0] if known else error.strerror or str(error)


def in_words(error: OSError) -> str | None:
    """File, reason and advice in a sentence.

    Args:
        error: As the system raised it.

    Returns:
        None for what no path explains, such as a connection.
    """
    known, place = _KNOWN.get(error.errno or 0), error.filename2 or error.filename
    if known is None or (place is None and error.errno not in _WITHOUT_FILE):
        return None
    place = place.decode(errors='replace') if isinstance(place, bytes) else place
    return '; '.join([f'{place}: {known[0]}' if isinstance(place, str) else known[0], known[1]])
