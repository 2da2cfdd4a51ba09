import math

import numpy as np
import pytest
import torch
from mmseg.evaluation import IoUMetric

from icpc.errors import UserError
from icpc.evaluation.confusion import confusion
from icpc.evaluation.streaming_iou import StreamingIoU
from icpc.evaluation.table import per_class_table, scores

CLASSES = 7


def samples(count=5, classes=CLASSES, with_score_map=True, seed=0):
    rng = torch.Generator().manual_seed(seed)
    shape = (1, 13, 17)
    for _ in range(count):
        label = torch.randint(0, classes - 1, shape, generator=rng)  # the last class never occurs
        label[torch.rand(shape, generator=rng) < 0.1] = 255
        sample = {'gt_sem_seg': {'data': label}, 'img_path': 'x.png'}
        for field in ('pred_sem_seg', 'pred_score_map')[: 1 + with_score_map]:
            guess = torch.randint(0, classes - 1, shape, generator=rng)
            right = torch.rand(shape, generator=rng) < 0.5
            sample[field] = {'data': torch.where(right & (label != 255), label, guess)}
        yield sample


def metric():
    measure = StreamingIoU()
    measure.dataset_meta = {'classes': [f'class {i}' for i in range(CLASSES)]}
    return measure


def test_counts_and_numbers_equal_mmsegs():
    data = list(samples())
    measure, reference = metric(), IoUMetric()
    reference.dataset_meta = measure.dataset_meta
    for start in (0, 2):  # batches of two and of three
        measure.process({}, data[start : start + 2 + start // 2])
        reference.process({}, data[start : start + 2 + start // 2])
    areas = [sum(parts) for parts in zip(*reference.results, strict=True)]
    ours = measure.evaluate(5)
    counts = measure.confusion['head']
    hit, union = counts.diagonal(), counts.sum(0) + counts.sum(1) - counts.diagonal()
    for mine, theirs in zip((hit, union, counts.sum(0), counts.sum(1)), areas, strict=True):
        assert torch.equal(mine, theirs.long())
    theirs = reference.evaluate(5)
    for key in ('mIoU', 'mAcc', 'aAcc'):
        assert ours[key] == pytest.approx(float(theirs[key]), abs=0.006)  # mmseg rounds
        assert type(ours[key]) is float
    assert math.isnan(measure.results_by_key['head'].iou[-1])


def test_a_mean_over_the_classes_of_the_truth_alone():
    """The IoU of a class that is only predicted is 0; one rule counts it, the other does not."""
    measure = StreamingIoU(truth_only=True)
    measure.dataset_meta = metric().dataset_meta
    label, guess = torch.tensor([[[0, 0, 1, 1, 255]]]), torch.tensor([[[0, 0, 1, 6, 5]]])
    measure.process({}, [{'gt_sem_seg': {'data': label}, 'pred_sem_seg': {'data': guess}}])
    found = measure.evaluate(1)
    assert found['mIoU'] == pytest.approx(100 * (1 + 1 / 2 + 0) / 3)
    assert found['truth_mIoU'] == pytest.approx(100 * (1 + 1 / 2) / 2)
    assert set(found) <= set(measure.result_keys)
    best = measure.results_by_key['head']
    assert best.missed[1] == 50
    assert best.wrong[6] == 100
    assert best.weighted_iou == pytest.approx(75)


def test_counts_stay_on_their_device_until_the_end(monkeypatch):
    measure, expected = metric(), metric()
    expected.process({}, list(samples()))
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, 'cpu', lambda self: pytest.fail('copied picture by picture'))
        measure.process({}, list(samples()))
    assert measure.evaluate(5) == pytest.approx(expected.evaluate(5), nan_ok=True)


def test_scores_worked_by_hand():
    # Truth 0: 3 right, 1 taken for 1. Truth 1: 2 right, 2 taken for 0. Class 2 occurs nowhere.
    result = scores(torch.tensor([[3, 1, 0], [2, 2, 0], [0, 0, 0]]))
    torch.testing.assert_close(result.iou[:2], torch.tensor([50.0, 40.0]).double())
    torch.testing.assert_close(result.acc[:2], torch.tensor([75.0, 50.0]).double())
    assert (result.mean_iou, result.mean_acc, result.overall) == (45.0, 62.5, 62.5)


def test_the_score_map_has_its_own_number():
    data = list(samples())
    measure = metric()
    measure.process({}, data)
    both = measure.evaluate(5)
    for sample in data:
        sample['pred_sem_seg'] = sample.pop('pred_score_map')
    measure.process({}, data)
    alone = measure.evaluate(5)
    assert both['score_mIoU'] == alone['mIoU'] != both['mIoU']
    assert 'score_mIoU' not in alone


def test_a_second_evaluation_starts_at_zero():
    measure = metric()
    results = []
    for _ in range(2):
        measure.process({}, list(samples()))
        results.append(measure.evaluate(5))
    assert results[0] == results[1]


def test_a_score_map_on_some_pictures_only_is_refused():
    measure = metric()
    measure.process({}, [*samples(2), *samples(1, with_score_map=False)])
    with pytest.raises(UserError, match='2 of 3 predictions carry pred_score_map'):
        measure.evaluate(3)


def test_pictures_counted_twice_are_refused():
    measure = metric()
    measure.process({}, list(samples(4)))
    with pytest.raises(UserError, match='round_up=False'):
        measure.evaluate(3)


def test_a_label_outside_the_classes_is_refused_with_its_file():
    sample = next(samples())
    sample['gt_sem_seg']['data'][0, 0, 0] = CLASSES
    with pytest.raises(UserError, match=r'x\.png: .*outside the 7 classes'):
        metric().process({}, [sample])


def test_a_prediction_outside_the_classes_is_refused_with_its_file():
    sample = next(samples())
    sample['pred_score_map']['data'][0, 0, 0] = CLASSES
    with pytest.raises(UserError, match=r'x\.png: pred_score_map .*outside the 7 classes'):
        metric().process({}, [sample])


def test_confusion_against_a_loop():
    rng = np.random.default_rng(0)
    label, guess = rng.integers(0, 4, (6, 5)), rng.integers(0, 4, (6, 5))
    label[0] = 255
    expected = np.zeros((5, 4), dtype=int)
    for truth, predicted in zip(label.ravel(), guess.ravel(), strict=True):
        expected[3 if truth == 255 else 4 if truth == 3 else truth, predicted] += 1
    counted = confusion(torch.tensor(guess), torch.tensor(label), classes=3, ignore_index=255)
    assert counted.tolist() == expected.tolist()


def test_counts_beyond_float32(monkeypatch):
    measure = metric()
    measure._counts = {'head': torch.full((1, CLASSES, CLASSES), 2**24)}
    measure._seen['head'] = measure._seen['pictures'] = 4
    measure.process({}, list(samples(1, with_score_map=False)))
    measure.evaluate(5)
    assert (measure.confusion['head'][:-1, :-1] > 2**24).any()


def test_the_table_has_a_row_for_every_class_and_their_mean():
    measure = metric()
    measure.process({}, list(samples()))
    measure.evaluate(5)
    table = per_class_table(measure.class_names, measure.results_by_key)
    assert table.row_count == CLASSES + 1
    assert [column.header for column in table.columns] == [
        'class',
        'IoU head',
        'Acc head',
        'IoU score map',
    ]
    assert list(table.columns[1].cells)[CLASSES - 1] == '-'


def test_held_out_and_base_classes_have_means_of_their_own():
    """Truth 0: 3 of 4 right; 1: 2 of 4 right, the others taken for 0; 2: all taken for 1."""
    label, guess = (
        torch.tensor([[0, 0, 0, 0, 1, 1, 1, 1, 2]]),
        torch.tensor([[0, 0, 0, 1, 1, 1, 0, 0, 1]]),
    )
    sample = {'gt_sem_seg': {'data': label[None]}, 'pred_sem_seg': {'data': guess[None]}}
    sample['pred_score_map'] = {'data': label[None]}
    measure = StreamingIoU(held_out_classes=['b ', 'c'])
    measure.dataset_meta = {'classes': ['a', ' b', 'c']}
    measure.process({}, [sample])
    found = measure.evaluate(1)
    a, b = 100 * 3 / 6, 100 * 2 / 6
    assert found['base_mIoU'] == pytest.approx(a)
    assert found['held_out_mIoU'] == pytest.approx(b / 2)
    assert found['mIoU'] == pytest.approx((a + b) / 3)
    assert found['score_base_mIoU'] == found['score_held_out_mIoU'] == 100.0
    assert 'base_mIoU' not in metric_names_without_held_out(sample)


def metric_names_without_held_out(sample):
    measure = StreamingIoU()
    measure.dataset_meta = {'classes': ['a', 'b', 'c']}
    measure.process({}, [sample])
    return measure.evaluate(1)


def test_seen_and_unseen_conditions_are_told_apart():
    data = list(samples(6))
    conditions = ['day', 'night', 'day', 'fog', 'dusk', 'night']
    for sample, condition in zip(data, conditions, strict=True):
        sample['condition'] = condition
    measure = metric()
    measure.seen_conditions = ['day', 'dusk']
    measure.process({}, data)
    found = measure.evaluate(6)
    for part, indices in (('seen', (0, 2, 4)), ('unseen', (1, 3, 5))):
        alone = metric()
        alone.process({}, [data[index] for index in indices])
        expected = alone.evaluate(3)
        assert found[f'{part}_mIoU'] == expected['mIoU']
        assert found[f'score_{part}_mIoU'] == expected['score_mIoU']
    everything = metric()
    everything.process({}, data)
    assert everything.evaluate(6) == {k: v for k, v in found.items() if 'seen' not in k}
    measure.process({}, [data[1]])
    assert 'seen_mIoU' not in measure.evaluate(1)


def test_pictures_of_unknown_condition_are_refused():
    measure = StreamingIoU(seen_conditions=['day'])
    measure.dataset_meta = metric().dataset_meta
    with pytest.raises(UserError, match=r'x\.png has no condition.*meta_keys'):
        measure.process({}, list(samples(1)))
