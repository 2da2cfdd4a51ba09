"""What a whole plan gave, as a record that reports read: `icpc report OUT OUT ...`."""

import json
import uuid
from pathlib import Path
from typing import Any

from ...files import write_text_atomically
from ...run_dir.fingerprints import PACKAGE, code_fingerprint, plain_tree
from ...run_dir.provenance import git_state, machine, versions
from ...run_dir.record import FINISHED, RESOLVED, RunRecord, whole_record, write_record
from ..stage_plan import Plan

_MADE_HERE = ('tags', 'load_from', 'pseudo_masks')  # overrides that name files of other stages


def record_plan(
    plan: Plan, out: Path, given: dict[str, dict[str, Any]], found: dict[str, float]
) -> None:
    """Write `run.json` and `resolved_config.json` of a plan whose stages are all done.

    Args:
        plan: The plan.
        out: The folder of all stages.
        given: Overrides of each stage that is trained.
        found: `cam_mIoU` and `refined_mIoU` of the training pictures, as far as they are known, and
            `retrained_mIoU`.
    """
    stages = {stage: RunRecord.of(out / stage) for stage in (*plan.trained, 'masks')}
    last = stages['retrain']
    split = 'test' if 'test' in last.metrics else 'val'
    made = {'seed', *_MADE_HERE, *([] if plan.names is None else ['choices'])}
    options = {
        stage: {k: v for k, v in own.items() if k not in made} for stage, own in given.items()
    }
    tree = {**plan.model_dump(exclude={'path'}), 'overrides': options}
    write_text_atomically(
        json.dumps({'seed': last.seed, 'plan': plain_tree(tree)}, indent=1), out / RESOLVED
    )
    training = {key: value for key, value in found.items() if key != 'retrained_mIoU'}
    former = whole_record(out) or {}
    record = {
        'state': FINISHED,
        'run': former.get('run') or uuid.uuid4().hex,
        'seed': last.seed,
        'steps': sum(one.steps or 0 for one in stages.values()),
        'seconds': sum(one.seconds or 0.0 for one in stages.values()),
        'fingerprints': {
            'code': code_fingerprint(),
            'weights': stages['cam'].fingerprints.get('weights'),
            'data': stages['cam'].fingerprints.get('data'),
        },
        'git': git_state(PACKAGE),
        'versions': versions(),
        'machine': machine(),
        'segments': last.segments,
        'metrics': {
            'train': training,
            split: {'retrained_mIoU': found['retrained_mIoU']},
        },
    }
    write_record(out, record)
