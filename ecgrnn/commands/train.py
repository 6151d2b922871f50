"""Command ``train``: prepare the data, fit a network, score it on the held-out patients."""

import os
import shlex
from pathlib import Path

import pytorch_lightning as pl

from ecgrnn.commands.evaluate import score_model
from ecgrnn.commands.idle import check_training
from ecgrnn.commands.resume import last_checkpoint, requeue
from ecgrnn.commands.stages import Stages, say, say_all
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.ranks import rank
from ecgrnn.errors import Interrupted
from ecgrnn.evaluation.held_out import held_out_of
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.commands import EvaluateConfig, TrainConfig
from ecgrnn.options.training import TaskConfig
from ecgrnn.tasks import task_of
from ecgrnn.tasks.task import Task
from ecgrnn.training.continued import Last
from ecgrnn.training.course import write_training
from ecgrnn.training.data import open_data
from ecgrnn.training.interruption import Interruption
from ecgrnn.training.launch import together
from ecgrnn.training.precision import with_precision
from ecgrnn.training.trackers import build_loggers, log_options, log_results, tensorboard_installed
from ecgrnn.training.trainer import build_trainer, fit, scored_checkpoint
from ecgrnn.training.trainer_values import check_course


@on_threads
def run(options: TrainConfig) -> None:
    """Train as the options say; everything is written into the run folder."""
    task = task_of(options.task)
    check_training(options, task)
    check_course(options)
    if options.resume is None:
        task.check_leads(options.network, options.preprocessing)
    folder = options.resume or options.run_dir
    interruption = Interruption(f"go on with: python -m ecgrnn train resume={shlex.quote(str(folder))}")
    try:
        with interruption.listening():
            last = last_checkpoint(options)
            with together(options.trainer):
                _run(options, task, last, interruption)
    except Interrupted as stopped:
        requeue(stopped, os.environ)
        if rank() != 0 and stopped.agreed:
            return  # the first process says it
        raise


def _run(options: TrainConfig, task: Task[TaskConfig], last: Last | None, interruption: Interruption) -> None:
    run_dir, stages = Path(options.run_dir), Stages()
    keys, why = with_precision(options.trainer)
    if why:
        say(f"precision   {why}")
    with stages.timed("prepare"):
        data = open_data(options, task, last=last, precision=str(keys.get("precision", "32-true")))
    say_all(data.lines())
    data.check_batches(keys)
    if options.evaluate_test:
        data.check_scored()
    if rank() == 0:  # of single beats it reads every window
        audit = data.audit()
        audit.require()
        say_all(audit.verdicts())
    stages.seconds["train"] = 0.0 if last is None else last.seconds
    with stages.timed("train"):
        pl.seed_everything(options.seed, workers=True, verbose=False)
        module = data.module(options)
        loggers = build_loggers(options.logger, run_dir)
        if options.logger.tensorboard is None and not tensorboard_installed():
            say("logger      csv/ only; for TensorBoard as well: pip install 'ecgrnn[tensorboard]'")
        trainer = build_trainer(
            options, keys, data.facts, monitor=task.monitor, loggers=loggers, interruption=interruption
        )
        log_options(loggers, options)
        fit(trainer, module, data.datamodule, last=None if last is None else last.path)
    checkpoint = scored_checkpoint(options)
    model = load_model(checkpoint)
    write_training(trainer, model, run_dir=run_dir, seconds=stages.seconds)
    scored = None
    if options.evaluate_test:
        # All else as ``evaluate`` has it, so that its figures are those of the training to the last digit.
        asked = EvaluateConfig(run_dir=options.run_dir, checkpoint=str(checkpoint))
        held_out = held_out_of(model, data.datamodule.collection)
        scored = score_model(model, held_out, asked, seconds=stages.seconds, audited=True)
    else:
        say("test        skipped (evaluate_test=false)")
    log_results(loggers, options, scored=scored)
    say(f"checkpoint  {checkpoint}")
