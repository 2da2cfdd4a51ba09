"""What LabelCheckHook compares besides the masks themselves."""

import pytest

from icpc.commands.train import train
from icpc.errors import UserError


@pytest.mark.parametrize('number', [254, 300])
def test_one_id_does_not_count(toy_config, tmp_path, number):
    options = {'default_hooks.panel': None, 'model.decode_head.ignore_index': number}
    with pytest.raises(UserError, match=rf'decode_head\.ignore_index is {number}, but .* is 255'):
        train(str(toy_config), options, str(tmp_path / 'run'))
    assert not (tmp_path / 'run').exists()
