"""`publish --push org/name`: a published folder onto the Hub."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import UserError
from ..foreign_files.hub import refusing_hub


def check_push(repository: str) -> None:
    """Raise for what would keep a folder from being pushed, as far as it is known without asking.

    Args:
        repository: `org/name`.

    Raises:
        UserError: It is no name on the Hub, the Hub may not be asked, or there is no token.
    """
    from huggingface_hub import constants, get_token
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f'--push {repository}: expected org/name ({error})') from error
    if repository.count('/') != 1:
        raise UserError(f'--push {repository}: expected org/name, such as your-name/{repository}')
    if constants.HF_HUB_OFFLINE:
        raise UserError(f'--push {repository}: HF_HUB_OFFLINE is set; unset it, or push later')
    if get_token() is None:
        raise UserError(
            f'--push {repository}: there is no token; set HF_TOKEN to one that may write, or log '
            'in with `hf auth login`'
        )


def push(folder: Path, files: Sequence[str], repository: str, private: bool = False) -> str:
    """Upload a published folder in one commit; the model is made where it is not there.

    Args:
        folder: It stays as it is.
        files: The names of what is uploaded.
        repository: `org/name`.
        private: Whether a new model is hidden from others.

    Returns:
        The address of the model.

    Raises:
        UserError: No network, no right, or a public model where a private one is asked for.
    """
    from huggingface_hub import HfApi

    what = f'--push {repository}'
    later = f'{folder} is whole: push it later with `hf upload {repository} {folder}`'
    api = HfApi()
    with refusing_hub(what, later, 'be pushed'):
        address = api.create_repo(repository, private=private or None, exist_ok=True)
        if private and not api.model_info(repository).private:
            raise UserError(
                f'{what}: it is there and public; hide it first, or leave --private out; {later}'
            )
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(files),
            commit_message=f'Publish {folder.name} with icpc',
        )
    return str(address)
