"""A config is a file, or the name of a packaged one; a near miss is told."""

import pytest

from icpc import load_config
from icpc.errors import UserError
from icpc.experiments.study.schema import load_study
from icpc.startup.packaged import configs_folder, find_config, packaged_configs

NAME = 'icpc/icpc_rn50_fpn_80k_ade20k-512'


def test_a_file_that_exists_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(NAME) == configs_folder() / f'{NAME}.py'
    (tmp_path / 'icpc').mkdir()
    (tmp_path / NAME).touch()
    assert find_config(NAME).resolve() == tmp_path / NAME


def test_the_folder_may_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(NAME.partition('/')[2]) == configs_folder() / f'{NAME}.py'
    assert load_config(NAME).work_dir == 'work_dirs/icpc_rn50_fpn_80k_ade20k-512'
    assert load_study('studies/parts_scenes').base.is_file()


def test_shared_parts_are_no_configs():
    assert NAME in packaged_configs()
    assert not [name for name in packaged_configs() if '_base_' in name]


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('icpc/icpc_rn50_fpn_80k_ade20-512', rf'no such config file; .* packaged {NAME}\?'),
        ('icpc_rn50_fpn_80k_ade20-512', rf'no such config file; .* packaged {NAME}\?'),
        (f'configs/{NAME}.py', rf'no such config file; .* packaged {NAME}\?'),
        (f'{NAME}.py', rf'no such config file; .* packaged {NAME}\?'),
        ('mine', 'no packaged one; `icpc configs` lists them'),
        ('_base_/models/icpc', 'no such config file$'),
        ('mine.py', 'mine.py: no such config file$'),
    ],
)
def test_a_miss_is_refused(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        load_config(name)
