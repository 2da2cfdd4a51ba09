"""Models on the Hub, `hf-hub:org/name` or `hf-hub:org/name@revision`, and in its cache."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

HUB = 'hf-hub:'
_ADVICE = 'connect, or give the path of a downloaded folder'


def from_hub(source: str, files: Sequence[str]) -> Path:
    """The folder of the cache with a model's files, downloaded where they are not there.

    Nothing of it is executed.

    Args:
        source: `hf-hub:org/name`, with `@revision` for a branch, a tag or a commit.
        files: What is wanted of it; what the model lacks is not there afterwards.

    Raises:
        UserError: No such model or revision, no access, no way to the Hub, or a cache that lacks
            one of the files while the Hub cannot be asked.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = source.removeprefix(HUB).partition('@')
    with refusing_hub(source):
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=files))


@contextmanager
def refusing_hub(source: str, advice: str = _ADVICE, what: str = 'be downloaded') -> Iterator[None]:
    """Turn what the Hub's client raises into one message.

    Args:
        source: What the message begins with.
        advice: What to do where the Hub cannot be reached.
        what: Completes "cannot".
    """
    from huggingface_hub import constants, errors

    repository = source.removeprefix(HUB).partition('@')[0]
    page = f'{constants.ENDPOINT}/{repository}'
    try:
        yield
    except errors.HFValidationError as error:
        raise UserError(f'{source}: expected {HUB}org/name or {HUB}org/name@revision') from error
    except errors.GatedRepoError as error:
        raise UserError(
            f'{source}: its owner gives access on request: ask for it at {page}, and log in with '
            '`hf auth login`'
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(
            f'{source}: the model has no such revision; its branches, tags and commits are at '
            f'{page}/commits/main'
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f'{source}: the Hub knows no such model, or you have no access; log in with '
            '`hf auth login` where it is private'
        ) from error
    except UserError:
        raise
    except Exception as error:  # of requests, httpx, the cache: each has a kind of its own
        raise UserError(f'{source}: {_reason(error, what)}; {advice}') from error


def _reason(error: Exception, what: str) -> str:
    from huggingface_hub import constants, errors

    status = getattr(getattr(error, 'response', None), 'status_code', None)
    if status in (401, 403):
        return f'the Hub refuses it (HTTP {status}): the token that is in use has no right to it'
    told = ' '.join(str(error).split())[:200]
    why = 'HF_HUB_OFFLINE is set' if constants.HF_HUB_OFFLINE else told
    if isinstance(error, errors.LocalEntryNotFoundError):
        return f'it is not, or not wholly, in the cache of the Hub and cannot {what} ({why})'
    return f'it cannot {what} ({why})'
