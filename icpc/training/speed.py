"""Speed and memory of the training step: compiled parts, and activations computed again."""

import torch
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..building import bare
from ..config.switches import compile_options
from ..errors import UserError
from ..evaluation.around_evaluation import AroundEvaluation
from ..recomputing import Recomputes

_COMPILED = ('backbone', 'neck', 'decode_head')


@HOOKS.register_module()
class ModelSwitchesHook(AroundEvaluation):
    """Makes the model recompute activations, or compiles it, when training begins.

    Compiled are backbone, neck and decode head, in training alone: pictures of many sizes would
    compile again and again. Prompter and losses stay as they are, and so does the head of a model
    of MMSegmentation's own, which is not called as a module. Checkpoints keep their keys.

    Args:
        activation_checkpointing: Backbone and text tower compute their blocks again in backward.
        compile: See `compile_options`.

    Raises:
        UserError: For a value that means nothing.
    """

    def __init__(
        self, activation_checkpointing: bool = False, compile: bool | str | dict | None = False
    ) -> None:
        self.activation_checkpointing = activation_checkpointing
        self.options = compile_options(compile)

    def before_train(self, runner: Runner) -> None:
        """Apply activation checkpointing and torch.compile to the model."""
        model = bare(runner.model)
        if self.activation_checkpointing:
            _recompute(model)
        if self.options is not None:
            for name in _COMPILED:
                if getattr(model, name, None) is not None:
                    getattr(model, name).compile(**self.options)

    def enter(self, runner: Runner) -> None:
        """Evaluate without compiled code."""
        if self.options is not None:
            torch.compiler.set_stance('force_eager')

    def leave(self, runner: Runner) -> None:
        """Go on with compiled code."""
        if self.options is not None:
            torch.compiler.set_stance('default')

    def after_run(self, runner: Runner) -> None:
        """The stance holds for the whole process: a run that was stopped leaves none behind."""
        self.leave(runner)


def fault_of_compiling(error: BaseException | None) -> UserError | None:
    """The message about code that torch could not compile, None for any other exception.

    Args:
        error: As a step raised it.
    """
    while error is not None:
        if type(error).__module__.startswith(('torch._inductor', 'torch._dynamo')):
            reason = next(iter(str(error).splitlines()), '')
            return UserError(
                f'compile: {type(error).__name__}: {reason}; set compile=False (and leave '
                'default_hooks.switches.compile alone), or repair the compiler (CXX names it)'
            )
        error = error.__cause__
    return None


def _recompute(model: nn.Module) -> None:
    parts = [module for module in model.modules() if isinstance(module, Recomputes)]
    if not parts:
        raise UserError(
            'activation_checkpointing=True: no part of this model can recompute its activations '
            '(CLIPResNet, CLIPViT, CLIPTimm, ImageNetBackbone and the text tower can)'
        )
    for part in parts:
        part.checkpointing = True
