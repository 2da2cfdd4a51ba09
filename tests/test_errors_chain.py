"""An exception of ours passes through the builders of parts as it is."""

import pytest

from icpc.errors import UserError, is_interruption, refusing


def test_a_refusal_is_not_its_own_cause():
    with pytest.raises(UserError) as found, refusing('model'):
        raise UserError('no')
    assert found.value.__cause__ is None
    assert not is_interruption(found.value)


def test_a_chain_that_bites_its_tail_ends():
    error = ValueError('no')
    error.__cause__ = error
    assert not is_interruption(error)
