import json

import pytest

from icpc.errors import UserError
from icpc.experiments.report.collection import collect


@pytest.fixture
def make_run(tmp_path):
    def make_run(name, seed, load_from=None, weights='clip'):
        folder = tmp_path / name
        folder.mkdir()
        config = {'lr': 0.1, 'seed': seed, 'work_dir': str(folder), 'load_from': load_from}
        record = {
            'state': 'finished',
            'seed': seed,
            'fingerprints': {'weights': weights, 'code': 'c'},
            'metrics': {'test': {'mIoU': 40.0}},
        }
        (folder / 'run.json').write_text(json.dumps(record))
        (folder / 'resolved_config.json').write_text(json.dumps(config))
        return folder

    return make_run


def test_runs_from_other_weights_are_no_seeds_of_a_row(make_run):
    folders = [
        make_run('scratch', 0),
        make_run('scratch_1', 1),
        make_run('warm', 0, '/a/iter_4.pth', 'clip+4'),
        make_run('warm_1', 1, '/b/iter_4.pth', 'clip+4'),
        make_run('other', 2, '/a/iter_4.pth', 'clip+5'),
    ]
    runs = collect(folders).runs
    assert [(run.row, run.seed) for run in runs] == [
        *(('scratch', '0'), ('scratch', '1'), ('warm', '0'), ('warm', '1'), ('other', '2')),
    ]


def test_a_repetition_is_no_further_seed(make_run):
    with pytest.raises(UserError, match='run_again has the config and the seed of .*/run:'):
        collect([make_run('run', 0), make_run('run_1', 1), make_run('run_again', 0)])
