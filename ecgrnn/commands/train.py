"""Command ``train``: prepare the data, fit a network, score it on the held-out patients."""

import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException

from ecgrnn.commands.evaluate import score_model
from ecgrnn.commands.idle import check_training
from ecgrnn.commands.resume import (
    last_checkpoint,
    last_path,
    refuse_finished,
    requeue,
    stretches_trained,
)
from ecgrnn.commands.stages import Stages, say
from ecgrnn.commands.threads import on_threads
from ecgrnn.data.collection import annotation_notes
from ecgrnn.data.datamodule import EcgDataModule
from ecgrnn.data.ranks import barrier, broadcast, first_then_others, rank
from ecgrnn.data.splits.audit import audit_subsets
from ecgrnn.data.splits.seen import contents_of
from ecgrnn.errors import ConfigError, DivergedError, Interrupted
from ecgrnn.inference.checkpoint import load_model
from ecgrnn.options.choices import Epoch, Subset
from ecgrnn.options.commands import EvaluateConfig, TrainConfig
from ecgrnn.options.data import DataConfig
from ecgrnn.options.networks import plain_network
from ecgrnn.options.spec import LabelScheme, SignalSpec, to_plain
from ecgrnn.tasks import build_datamodule, build_module, plain_task, task_of
from ecgrnn.tasks.checkpoint_file import FORMAT
from ecgrnn.tasks.summary import versions
from ecgrnn.training.interruption import Interruption
from ecgrnn.training.launch import together
from ecgrnn.training.logs import log_options, log_results, write_training
from ecgrnn.training.precision import with_precision
from ecgrnn.training.resume_point import seconds_trained
from ecgrnn.training.trainer import build_trainer, check_course, tensorboard_installed
from ecgrnn.training.trainer_values import check_batches


@on_threads
def run(options: TrainConfig) -> None:
    """Train as the options say; everything is written into the run folder."""
    check_course(options)
    check_training(options)
    folder = options.resume or options.run_dir
    refuse_finished(options)
    interruption = Interruption(f"go on with: python -m ecgrnn train resume={shlex.quote(str(folder))}")
    try:
        with interruption.listening(), together(options.trainer):
            _run(options, interruption)
    except Interrupted as stopped:
        requeue(stopped, os.environ)
        if rank() != 0 and stopped.agreed:
            return  # the first process says it
        raise


def _run(options: TrainConfig, interruption: Interruption) -> None:
    run_dir = Path(options.run_dir)
    stages = Stages()
    scheme = task_of(options.task).scheme(options.data)
    with stages.timed("prepare"):
        datamodule = build_datamodule(options)
        first_then_others(datamodule.prepare_data)
        datamodule.setup()
    _check_batches(options, datamodule)
    signal = _signal(datamodule)
    counts = datamodule.class_counts(Subset.train)
    facts = _facts(options, datamodule, signal=signal, scheme=scheme)
    keys, why = with_precision(options.trainer)
    facts["precision"] = str(keys.get("precision", "32-true"))
    if why:
        say(f"precision   {why}")
    last = last_checkpoint(options)
    facts["stretches"] = stretches_trained(last, facts, run_dir=run_dir)
    _tell(datamodule, scheme)
    datamodule.check_shares()
    if rank() == 0:  # of single beats it reads every window
        _prove_no_leak(options, datamodule, facts)
    with stages.timed("train"):
        pl.seed_everything(options.seed, workers=True, verbose=False)
        module = build_module(
            options,
            signal=signal,
            scheme=scheme,
            counts=counts,
            facts=facts,
            learned_counts=datamodule.learned_counts(),
        )
        if options.logger.tensorboard is None and not tensorboard_installed():
            say("logger      csv/ only; for TensorBoard as well: pip install 'ecgrnn[tensorboard]'")
        trainer = build_trainer(options, run_dir=run_dir, interruption=interruption)
        log_options(trainer.loggers, options)
        stages.seconds["train"] = 0.0 if last is None else seconds_trained(last)
        try:
            _fit(trainer, module, datamodule, resumed=None if last is None else last_path(options))
        except DivergedError as error:
            raise DivergedError(f"{error}. {_last_good(run_dir / 'checkpoints')}") from error
    checkpoint = Path(broadcast(str(run_dir / "checkpoints" / f"{options.test_checkpoint.value}.ckpt")))
    barrier()
    _require_best(options, checkpoint)
    model = load_model(checkpoint)
    write_training(trainer, model, run_dir=run_dir, seconds=stages.seconds)
    scored = None
    if options.evaluate_test:
        scored = score_model(
            model, _evaluation_options(options, checkpoint), seconds=stages.seconds, audited=True
        )
    else:
        say("test        skipped (evaluate_test=false)")
    log_results(trainer.loggers, options, scored=scored)
    say(f"checkpoint  {checkpoint}")


def _check_batches(options: TrainConfig, datamodule: EcgDataModule) -> None:
    """Check the keys of ``trainer`` that depend on how many batches there are, where one is given."""
    if {"limit_train_batches", "limit_val_batches", "val_check_interval"} & set(options.trainer):
        check_batches(
            options.trainer,
            train=len(datamodule.train_dataloader()),
            validation=len(datamodule.val_dataloader()),
        )


def _fit(
    trainer: pl.Trainer, module: pl.LightningModule, datamodule: EcgDataModule, *, resumed: Path | None
) -> None:
    """Train, and say in one line what Lightning thinks of trainer keys that do not go together."""
    try:
        trainer.fit(module, datamodule, ckpt_path=resumed and str(resumed), weights_only=True)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


def _last_good(folder: Path) -> str:
    """Name the checkpoints that were written before a training diverged."""
    good = [folder / f"{epoch.value}.ckpt" for epoch in Epoch if (folder / f"{epoch.value}.ckpt").is_file()]
    if not good:
        return "No checkpoint was written before that"
    return f"From before that, and good: {' and '.join(map(str, good))}"


def _require_best(options: TrainConfig, checkpoint: Path) -> None:
    """Say what is left of a training that was over before its first validation, by its steps or its time."""
    if options.test_checkpoint is Epoch.best and not checkpoint.is_file():
        last = checkpoint.with_name(f"{Epoch.last.value}.ckpt")
        raise ConfigError(
            "the training was over before its first validation, so no epoch is the best; score its end with "
            f"evaluate checkpoint={last}, or train again with test_checkpoint=last"
        )


def _prove_no_leak(options: TrainConfig, datamodule: EcgDataModule, facts: dict[str, Any]) -> None:
    """Refuse to train where a patient, record, signal or window is in two subsets."""
    subsets = {subset.value: datamodule.records(subset) for subset in Subset}
    audit = audit_subsets(
        datamodule.split,
        subsets,
        view=datamodule.view,
        counts=facts["counts"],
        fitted=task_of(options.task).fitted,
        quick=True,
    )
    audit.require()
    for line in audit.verdicts():
        say(line)


def _evaluation_options(options: TrainConfig, checkpoint: Path) -> EvaluateConfig:
    """Ask for the checkpoint's own held-out records, where the training found them."""
    here = DataConfig(
        database=None, root=options.data.root, cache=options.data.cache, workers=options.data.workers
    )
    # All else as ``evaluate`` has it, so that its figures are those of the training to the last digit.
    return EvaluateConfig(run_dir=options.run_dir, checkpoint=str(checkpoint), data=here)


def _signal(datamodule: EcgDataModule) -> SignalSpec:
    """What the network reads: named leads where they were asked for, else any."""
    record = datamodule.records(Subset.train)[0]
    wanted = datamodule.preprocessing.leads
    leads = tuple(wanted) if wanted else ("",) * len(record.leads)
    return SignalSpec(fs_hz=record.fs_hz, leads=leads)


def _trained_leads(datamodule: EcgDataModule) -> list[list[str]]:
    """Give the names that each lead has in the training records, the commonest first."""
    columns = zip(*(record.leads for record in datamodule.records(Subset.train)), strict=True)
    return [[name for name, _ in Counter(column).most_common()] for column in columns]


def _facts(
    options: TrainConfig, datamodule: EcgDataModule, *, signal: SignalSpec, scheme: LabelScheme
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "signal": to_plain(signal),
        "scheme": to_plain(scheme),
        "task": plain_task(options.task),
        "network": plain_network(options.network),
        "data": to_plain(options.data),
        "preprocessing": to_plain(options.preprocessing),
        "trained_leads": _trained_leads(datamodule),
        "split": datamodule.split.manifest(),
        "counts": {
            subset.value: dict(zip(scheme.classes, datamodule.class_counts(subset), strict=True))
            for subset in Subset
        },
        "fingerprint": datamodule.fingerprint,
        "contents": contents_of(record for subset in Subset for record in datamodule.records(subset)),
        "seed": options.seed,
        "versions": versions(),
    }


def _tell(datamodule: EcgDataModule, scheme: LabelScheme) -> None:
    for subset in Subset:
        counts = zip(scheme.classes, datamodule.class_counts(subset), strict=True)
        beats = "  ".join(f"{name} {count:,}" for name, count in counts)
        say(f"{subset.value:<11} {len(datamodule.records(subset)):>4} records  {beats}")
    for note in annotation_notes(record for subset in Subset for record in datamodule.records(subset)):
        say(f"annotations {note}")
