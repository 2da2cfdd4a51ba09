import importlib
import sys

import pytest
import torch

from icpc.config.load import load_config
from icpc.config.user_modules import is_installed, user_files, user_modules
from icpc.run_dir.fingerprints import code_fingerprint, weights_fingerprint, with_user_code
from icpc.run_dir.starts import describe


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return tmp_path


def write(path, text=''):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_modules_besides_icpc_by_their_top_level_names():
    imports = ['icpc', 'my_heads', 'icpc.necks', 'lab.prompts.mine', 'lab.losses']
    assert user_modules({'custom_imports': {'imports': imports}}) == ('lab', 'my_heads')
    assert user_modules({'custom_imports': {'imports': 'my_heads'}}) == ('my_heads',)
    assert user_modules({'custom_imports': None}) == user_modules({}) == ()


def test_nothing_is_imported_to_find_the_files(place):
    write(place / 'alone_here.py', 'raise SystemExit')
    write(place / 'whole_here/__init__.py', 'raise SystemExit')
    write(place / 'whole_here/deep/part.py')
    write(place / 'whole_here/names.txt', 'sky')
    write(place / 'whole_here/__pycache__/part.pyc')
    write(place / 'whole_here/weights.bin', 'x' * (2**20 + 1))
    write(place / 'bare_here/part.py')
    write(place / 'bare_here/data.txt')
    names = ('alone_here', 'whole_here', 'bare_here', 'not_there_at_all', 'sys')
    assert sorted(user_files(names)) == [
        *('alone_here.py', 'bare_here/part.py', 'whole_here/__init__.py'),
        *('whole_here/deep/part.py', 'whole_here/names.txt'),
    ]
    assert not {'alone_here', 'whole_here', 'bare_here'} & sys.modules.keys()


def test_the_hash_is_of_what_the_code_does(place):
    def hashed(text, name='hashed_here/part.py'):
        write(place / name, text)
        return with_user_code('own', ['hashed_here'])

    write(place / 'hashed_here/__init__.py')
    first = hashed('x = 1\n')
    assert first.startswith('own+')
    assert hashed('"""Words."""\nx = 1  # why\n') == first
    assert hashed('x = 2\n') != first
    hashed('x = 1\n')
    assert hashed('sky', 'hashed_here/names.txt') != first
    assert hashed('{{ no python }}', 'hashed_here/template.py') != first
    assert with_user_code('own', []) == with_user_code('own', ['not_there_at_all']) == 'own'


def test_the_record_holds_the_user_s_code_and_the_checkpoint_it_starts_from(toy_config, tmp_path):
    def prints(**options):
        return describe(load_config(toy_config, options, tmp_path), {})['fingerprints']

    start = tmp_path / 'iter_4.pth'
    torch.save({'state_dict': {}}, start)
    scratch, warm = prints(), prints(load_from=str(start))
    assert scratch['code'] == warm['code'] == with_user_code(code_fingerprint(), ['toy_parts'])
    assert '+' in scratch['code']
    assert (scratch['weights'], warm['weights']) == (None, weights_fingerprint({}, str(start)))


def test_a_library_is_installed_and_a_test_is_not():
    assert all(map(is_installed, user_files(['rich']).values()))
    assert not any(map(is_installed, user_files(['toy_parts']).values()))
