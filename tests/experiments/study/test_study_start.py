"""What is checked before a study's first run, and what does not stop it later."""

import shutil
from pathlib import Path

import pytest
import torch

from icpc.errors import UserError
from icpc.evaluation.streaming_iou import StreamingIoU
from icpc.experiments import ablate as ablation
from icpc.experiments.ablate import Request, ablate
from icpc.experiments.study.inputs import missing_inputs
from icpc.experiments.study.schema import Study
from icpc.experiments.study.wanted_metrics import check_metrics


@pytest.fixture(autouse=True)
def _code_that_nobody_edits(monkeypatch):
    monkeypatch.setattr(ablation, 'code_fingerprint', lambda *_: 'code')


def start(path: Path, tools: Path, more: str = '', **how) -> list[str]:
    """Run a study with more in its file."""
    path.write_text(path.read_text() + more)
    return ablate(Request(str(path), out=str(path.parent / 'out'), jobs=4, gpus=[]), tools, **how)


@pytest.mark.parametrize(
    ('metrics', 'message'),
    [
        ("{'x': dict(classes=['skyy'])}", r"metrics\['x'\]: .* no class 'skyy'; did you mean sky"),
        ("{'x': dict(classes=['sky'], of='hed')}", r"no of='hed'; did you mean head"),
        ("{'x': 'mIuU'}", r"metrics\['x'\]: no run gives 'mIuU'; did you mean mIoU"),
        ("{'x': 'held_out_mIoU'}", "no run gives 'held_out_mIoU'"),
    ],
)
def test_a_misspelt_metric_stops_the_study_at_once(study_file, tools, metrics, message):
    with pytest.raises(UserError, match=message):
        start(study_file, tools, f'metrics = {metrics}\n', dry_run=True)


def test_a_metric_that_one_regime_alone_gives_is_taken(study_file, tools):
    more = "regimes = {'all': {}, 'some': {'held_out_classes': ['sea']}}\nmetrics = ['base_mIoU']\n"
    start(study_file, tools, more, dry_run=True)


def test_metrics_of_another_evaluator_are_taken_as_given(tmp_path):
    study = Study(name='s', base=tmp_path, metrics=['own'])
    check_metrics(study, [{'test_evaluator': [{'type': 'StreamingIoU'}, {'type': 'Own'}]}])
    with pytest.raises(UserError, match="no run gives 'own'"):
        check_metrics(study, [{'test_evaluator': {'type': 'StreamingIoU'}}])


def test_the_keys_are_those_that_the_metric_gives():
    metric = StreamingIoU(held_out_classes=['b'], seen_conditions=['day'])
    metric.dataset_meta = {'classes': ['a', 'b']}
    ids = {'data': torch.tensor([[[0, 1]]])}
    fields = dict.fromkeys(('gt_sem_seg', 'pred_sem_seg', 'pred_score_map'), ids)
    metric.process(None, [{**fields, 'condition': name} for name in ('day', 'night')])
    assert sorted(metric.result_keys) == sorted(metric.evaluate(2))


@pytest.mark.parametrize('clip', ['no_such_clip', 'work_dirs/no_such_folder'])
def test_a_missing_clip_is_said_once_before_the_first_run(study_file, tools, capsys, clip):
    more = f"seeds = {{'a': {{'seed': 0, 'model.clip.model': {clip!r}}}}}\n"
    start(study_file, tools, more, dry_run=True)
    printed = ' '.join(capsys.readouterr().out.split())
    assert printed.count('MISSING, without it the runs are refused') == 1
    assert f'model.clip.model={clip!r} is neither an architecture of open_clip, a folder' in printed
    with pytest.raises(UserError, match=f'no run was started: model.clip.model={clip!r}'):
        start(study_file, tools)
    assert not list(study_file.parent.rglob('out/runs'))
    start(study_file, tools, table=True)


@pytest.mark.parametrize('slurm', [False, True])
def test_missing_data_are_said_before_the_first_run(study_file, tools, slurm):
    shutil.rmtree(study_file.parent / 'data' / 'annotations' / 'test')
    with pytest.raises(UserError, match='no run was started: .*annotations/test: no such folder'):
        start(study_file, tools, slurm=slurm)


def test_clips_by_what_is_on_disk(tmp_path):
    (tmp_path / 'open_clip_config.json').write_text('{}')

    def missing(*clips):
        return missing_inputs({'model': {'clip': clip}} for clip in clips)

    folder = {'model': str(tmp_path), 'pretrained': 'auto'}
    (fault,) = missing(folder, folder)
    assert fault.endswith('open_clip_model.safetensors is missing')
    (tmp_path / 'open_clip_model.safetensors').write_bytes(b'')
    fine = [folder, {'model': 'RN50', 'pretrained': 'openai'}, {'model': {}}, None]
    fine += [{'model': 'scenes_clip', 'pretrained': 'auto'}]
    assert missing(*fine) == []
    (fault,) = missing({'model': 'RN50', 'pretrained': 'RN50.pt'})
    assert fault == 'model.clip.pretrained=RN50.pt: no such file'


def test_a_metric_that_cannot_be_told_stops_neither_runs_nor_tables(study_file, tools, capsys):
    trainer = tools / 'train.py'
    counts = "import numpy\nnumpy.savez(folder / 'confusion.npz', class_names=['a'], head=[[1]])\n"
    trainer.write_text(trainer.read_text().replace('record = {', f'{counts}record = {{'))
    more = "metrics = {'all': 'mIoU', 'sky': dict(classes=['sky'])}\nseeds = [0]\n"
    assert start(study_file, tools, more) == []
    printed = ' '.join(capsys.readouterr().out.split())
    assert '[4/4]' in printed
    assert "No table of 'sky': " in printed
    table = (study_file.parent / 'out' / 'table.md').read_text()
    assert '**all**' in table
    assert '**sky**' not in table
    assert "there is no class 'sky'" in table


def test_a_metric_without_any_value_is_named_by_its_key(study_file, tools):
    trainer = tools / 'train.py'
    trainer.write_text(trainer.read_text().replace("'score_mIoU': ", "'scores': "))
    more = "metrics = {'all': 'mIoU', 'map': 'score_mIoU'}\nseeds = [0]\n"
    assert start(study_file, tools, more) == []
    table = (study_file.parent / 'out' / 'table.md').read_text()
    assert '**all**' in table
    message = "No table of 'map': no run has 'score_mIoU' on the test split; did you mean scores?"
    assert f'{message} (there are: mIoU, scores).' in table
