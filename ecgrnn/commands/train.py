"""Command ``train``: prepare the data, fit a network, score it on the held-out patients."""

import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException

from ecgrnn.build import build_scheme, plain_form
from ecgrnn.build_trainer import build_trainer, check_course, tensorboard_installed
from ecgrnn.build_training import build_datamodule, build_task
from ecgrnn.choices import Epoch, Side
from ecgrnn.command_config import EvaluateConfig, TrainConfig
from ecgrnn.commands.evaluate import judge_other_forms, judge_strips
from ecgrnn.commands.launch import together
from ecgrnn.commands.logs import log_options, log_results, write_training
from ecgrnn.commands.resume import refuse_finished, requeue, resume_point
from ecgrnn.commands.stages import Stages, say
from ecgrnn.commands.threads import on_threads
from ecgrnn.config import DataConfig, DelineateConfig
from ecgrnn.datamodule import EcgDataModule
from ecgrnn.errors import ConfigError, Interrupted
from ecgrnn.evaluation.audit import audit_sides
from ecgrnn.evaluation.results import Results, evaluate_checkpoint
from ecgrnn.evaluation.write import training_curves, write_results
from ecgrnn.form_config import GenerationConfig, TranscriptionConfig
from ecgrnn.inference.checkpoint import FORMAT, load_model, versions
from ecgrnn.ranks import barrier, broadcast, first_then_others, rank
from ecgrnn.spec import LabelScheme, SignalSpec, to_plain
from ecgrnn.strip_config import RhythmConfig, SuperclassConfig
from ecgrnn.training.interruption import Interruption


@on_threads
def run(options: TrainConfig) -> None:
    """Train as the options say; everything is written into the run folder."""
    check_course(options)
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
    scheme = build_scheme(options.task, options.data)
    with stages.timed("prepare"):
        datamodule = build_datamodule(options)
        first_then_others(datamodule.prepare_data)
        datamodule.setup()
    signal = _signal(datamodule)
    counts = datamodule.class_counts(Side.train)
    facts = _facts(options, datamodule, signal=signal, scheme=scheme)
    _tell(datamodule, scheme)
    if rank() == 0:  # of single beats it reads every window
        _prove_no_leak(datamodule, facts)
    with stages.timed("train"):
        pl.seed_everything(options.seed, workers=True, verbose=False)
        task = build_task(options, signal=signal, scheme=scheme, counts=counts, facts=facts)
        if options.logger.tensorboard is None and not tensorboard_installed():
            say("logger      csv/ only; for TensorBoard as well: pip install 'ecgrnn[tensorboard]'")
        trainer = build_trainer(options, run_dir=run_dir, interruption=interruption)
        log_options(trainer.loggers, options)
        resumed, stages.seconds["train"] = resume_point(options)
        _fit(trainer, task, datamodule, resumed=resumed)
    checkpoint = Path(broadcast(str(run_dir / "checkpoints" / f"{options.judge.value}.ckpt")))
    barrier()
    _require_best(options, checkpoint)
    model = load_model(checkpoint)
    write_training(trainer, model, run_dir=run_dir, seconds=stages.seconds)
    results = None
    match options.task:
        case _ if not options.evaluate_test:
            say("test        nobody was scored: evaluate_test=false")
        case DelineateConfig() | GenerationConfig() | TranscriptionConfig():
            judge_other_forms(_judged(options, checkpoint), seconds=stages.seconds)
        case RhythmConfig() | SuperclassConfig():
            judge_strips(_judged(options, checkpoint), seconds=stages.seconds)
        case _:
            results = _finish_beats(options, checkpoint, run_dir=run_dir, stages=stages)
    log_results(trainer.loggers, options, results=results)
    say(f"checkpoint  {checkpoint}")


def _fit(
    trainer: pl.Trainer, task: pl.LightningModule, datamodule: EcgDataModule, *, resumed: Path | None
) -> None:
    """Train, and say in one line what Lightning thinks of trainer keys that do not go together."""
    try:
        trainer.fit(task, datamodule, ckpt_path=resumed and str(resumed), weights_only=True)
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from error


def _require_best(options: TrainConfig, checkpoint: Path) -> None:
    """Say what is left of a training that was over before its first validation, by its steps or its time."""
    if options.judge is Epoch.best and not checkpoint.is_file():
        last = checkpoint.with_name(f"{Epoch.last.value}.ckpt")
        raise ConfigError(
            "the training was over before its first validation, so no epoch is the best; score its end with "
            f"evaluate checkpoint={last}, or train again with judge=last"
        )


def _prove_no_leak(datamodule: EcgDataModule, facts: dict[str, Any]) -> None:
    """Refuse to train where a patient, record, signal or window is on two sides."""
    sides = {side.value: datamodule.records(side) for side in Side}
    audit = audit_sides(datamodule.split, sides, view=datamodule.view, counts=facts["counts"], quick=True)
    audit.require()
    for line in audit.verdicts():
        say(line)


def _judged(options: TrainConfig, checkpoint: Path) -> EvaluateConfig:
    """Ask for the checkpoint's own held-out records, where the training found them."""
    here = DataConfig(
        database=None, root=options.data.root, cache=options.data.cache, workers=options.data.workers
    )
    # All else as ``evaluate`` has it, so that its figures are those of the training to the last digit.
    return EvaluateConfig(run_dir=options.run_dir, checkpoint=str(checkpoint), data=here)


def _finish_beats(options: TrainConfig, checkpoint: Path, *, run_dir: Path, stages: Stages) -> Results:
    with stages.timed("evaluate"):
        results = evaluate_checkpoint(_judged(options, checkpoint), curves=training_curves(checkpoint))
    if rank() == 0:
        write_results(results, run_dir=run_dir, seconds=stages.seconds)
    say(f"report      {run_dir / 'report.html'}")
    return results


def _signal(datamodule: EcgDataModule) -> SignalSpec:
    """What the network reads: named leads where they were asked for, else any."""
    record = datamodule.records(Side.train)[0]
    wanted = datamodule.preprocessing.leads
    leads = tuple(wanted) if wanted else ("",) * len(record.leads)
    return SignalSpec(fs_hz=record.fs_hz, leads=leads)


def _trained_leads(datamodule: EcgDataModule) -> list[list[str]]:
    """Give the names that each lead has in the training records, the commonest first."""
    columns = zip(*(record.leads for record in datamodule.records(Side.train)), strict=True)
    return [[name for name, _ in Counter(column).most_common()] for column in columns]


def _facts(
    options: TrainConfig, datamodule: EcgDataModule, *, signal: SignalSpec, scheme: LabelScheme
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "signal": to_plain(signal),
        "scheme": to_plain(scheme),
        "task": plain_form(options.task),
        "network": plain_form(options.network),
        "data": to_plain(options.data),
        "preprocessing": to_plain(options.preprocessing),
        "trained_leads": _trained_leads(datamodule),
        "split": datamodule.split.manifest(),
        "counts": {
            side.value: dict(zip(scheme.classes, datamodule.class_counts(side), strict=True)) for side in Side
        },
        "fingerprint": datamodule.fingerprint,
        "seed": options.seed,
        "versions": versions(),
    }


def _tell(datamodule: EcgDataModule, scheme: LabelScheme) -> None:
    for side in Side:
        counts = zip(scheme.classes, datamodule.class_counts(side), strict=True)
        beats = "  ".join(f"{name} {count:,}" for name, count in counts)
        say(f"{side.value:<11} {len(datamodule.records(side)):>4} records  {beats}")
