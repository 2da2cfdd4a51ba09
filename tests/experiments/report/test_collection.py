import json

import pytest

from icpc.errors import UserError
from icpc.experiments.report.collection import collect


@pytest.fixture
def make_run(tmp_path):
    def make_run(name, seed, load_from=None, weights='clip', **options):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        config = {
            'lr': 0.1,
            **options,
            'seed': seed,
            'work_dir': str(folder),
            'load_from': load_from,
        }
        record = {
            'state': 'finished',
            'seed': seed,
            'fingerprints': {'weights': weights, 'code': 'c'},
            'metrics': {'test': {'mIoU': 40.0}},
        }
        (folder / 'run.json').write_text(json.dumps(record))
        (folder / 'resolved_config.json').write_text(json.dumps({'lr': 0.1, **config, **options}))
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


def test_ranks_and_what_watches_are_no_other_row_and_equal_names_are_told_apart(make_run):
    ranks = {'launcher': 'pytorch', 'gpu_batch': 2, 'log_interval': 9}
    runs = collect(
        [
            make_run('a/run', 0),
            make_run('b/run', 1, **ranks),
            make_run('c/run', 2, optim_wrapper={'type': 'other'}),
        ]
    ).runs
    rows = [run.row for run in runs]
    assert rows[0] == rows[1] == 'run'
    assert rows[2].endswith('c/run')
