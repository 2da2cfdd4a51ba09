"""x"""


def retraining_values(file):
    yield 'schedule', None
