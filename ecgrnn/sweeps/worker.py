"""A worker: runs trials of a study until it has enough, several at a time, and loses none it can save."""

import math
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from ecgrnn.errors import DataError
from ecgrnn.options.choices import Epoch, Objective
from ecgrnn.options.credentials import without_passwords
from ecgrnn.options.sweep import SweepConfig
from ecgrnn.sweeps.process import PROGRAM, Ended, TrialProcess, own_cores, share_of_machine
from ecgrnn.sweeps.space import suggest, words_of
from ecgrnn.sweeps.study import BEAT, Watch, in_work, may_try_again, next_trial, try_again

_POLL_S = 0.5
_LOOK_S = 2.0  # how often the study is read: reading it costs more than looking at a process
_BEATS_PER_GRACE = 6
_FIGURES = {Objective.macro_f1: "best", Objective.parameters: "parameters", Objective.seconds: "fit_seconds"}


@dataclass
class _Slot:
    """A running trial of this worker."""

    trial: optuna.Trial
    process: TrialProcess
    place: int
    reported: set[int] = field(default_factory=set)
    beats: int = 0
    beaten_s: float = 0.0


class Worker:
    """Runs trials until the study has enough finished ones.

    Args:
        study: the study.
        options: the sweep's options.
        words: the overrides that hold for every trial.
        devices: accelerators to deal out, as CUDA_VISIBLE_DEVICES names them.
        say: tells the user one line.
        program: what a trial runs; its words follow.
    """

    def __init__(
        self,
        study: optuna.Study,
        options: SweepConfig,
        *,
        words: Sequence[str],
        devices: Sequence[str] = (),
        say: Callable[[str], None],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.study = study
        self.options = options
        self.words = list(words)
        self.devices = list(devices)
        self.say = say
        self.program = program
        self._slots: list[_Slot] = []
        self._watch = Watch(options.grace_s)
        self._failures = 0
        self._waiting = False
        self._looked_s = -_LOOK_S
        self._busy = 0

    def run(self) -> None:
        """Work until the study has enough finished trials; give back what is running when stopped.

        Raises:
            DataError: when several trials in a row failed, or the study cannot be reached any more.
        """
        try:
            while True:
                for slot in list(self._slots):
                    self._attend(slot)
                now_s = time.monotonic()
                if now_s - self._looked_s >= _LOOK_S or len(self._slots) < self._busy:
                    self._looked_s = now_s
                    if self._look():
                        return
                    self._busy = len(self._slots)
                time.sleep(_POLL_S)
        except StorageInternalError as error:
            reason = without_passwords(str(error))
            raise DataError(
                f"the study cannot be reached any more ({reason}); repeat the command to continue it"
            ) from error
        finally:
            self._give_back()

    def _look(self) -> bool:
        """Read the study: take over lost trials, begin new ones; tell whether there is nothing left to do."""
        finished, running = in_work(self.study)
        own = {slot.trial.number for slot in self._slots}
        others = [trial for trial in running if trial.number not in own]
        self._rescue(others)
        if len(finished) >= self.options.n_trials:
            return not self._slots
        room = self.options.n_trials - len(finished) - len(running)
        for _ in range(min(room, self.options.jobs - len(self._slots))):
            trial = next_trial(self.study, self.options.search)
            if self._is_surplus(trial):
                self.study.tell(trial, state=TrialState.FAIL)
                break
            self._start(trial)
        if others and not self._slots and not self._waiting:
            self.say(f"waiting for {len(others)} trials of other workers")
        self._waiting = not self._slots
        return False

    def _is_surplus(self, trial: optuna.Trial) -> bool:
        """Tell whether other workers took the last trials in the same moment."""
        finished, running = in_work(self.study)
        before = [one for one in finished + running if one.number < trial.number]
        return len(before) >= self.options.n_trials

    def _start(self, trial: optuna.Trial) -> None:
        values = suggest(trial, self.options.search.space)
        place = min(set(range(self.options.jobs)) - {slot.place for slot in self._slots})
        folder = Path(self.options.run_dir).resolve() / "trials" / f"{trial.number:04d}"
        trial.set_user_attr("host", socket.gethostname())
        trial.set_user_attr("run_dir", str(folder))
        process = TrialProcess(
            [*self.words, *words_of(values), "evaluate_test=false", "logger.csv=true"],  # its epochs are read
            folder,
            environment=share_of_machine(
                place,
                jobs=self.options.jobs,
                cores=own_cores(),
                devices=self.devices,
                per_job=_devices_per_job(self.options.trainer),
            ),
            program=self.program,
        )
        self._slots.append(_Slot(trial, process, place))
        self.say(f"trial {trial.number:>4} begins    {' '.join(words_of(values))}")

    def _attend(self, slot: _Slot) -> None:
        """Beat, report new epochs, prune, and close a trial that ended."""
        try:
            ended = slot.process.ended()
            self._beat(slot)
            news = self._report(slot)
            if ended is not None:
                self._slots.remove(slot)
                self._close(slot, ended)
            elif news and slot.trial.should_prune():
                self._slots.remove(slot)
                slot.process.stop()
                self.study.tell(slot.trial, state=TrialState.PRUNED)
                self.say(f"trial {slot.trial.number:>4} pruned    after {len(slot.reported)} epochs")
        except (UpdateFinishedTrialError, ValueError) as error:
            self._slots = [other for other in self._slots if other is not slot]
            slot.process.stop()
            self._drop(slot, error)

    def _drop(self, slot: _Slot, error: Exception) -> None:
        """Tell of a trial that the study took no figure for: another worker closed it, or it fails now."""
        number = slot.trial.number
        _, running = in_work(self.study)
        if number not in {trial.number for trial in running}:
            # this worker was silent for too long
            self.say(f"trial {number:>4} was taken over by another worker ({error})")
            return
        slot.trial.set_user_attr("error", str(error))
        self.study.tell(slot.trial, state=TrialState.FAIL)
        self._count_failure(f"trial {number} failed: {error} ({slot.process.folder}.log)")

    def _beat(self, slot: _Slot) -> None:
        now_s = time.monotonic()
        if not slot.beats or now_s - slot.beaten_s > self.options.grace_s / _BEATS_PER_GRACE:
            slot.beats += 1
            slot.beaten_s = now_s
            slot.trial.set_user_attr(BEAT, slot.beats)

    def _report(self, slot: _Slot) -> bool:
        """Report new epochs; tell whether there were any."""
        if len(self.options.search.objectives) > 1:
            return False  # Optuna takes values of epochs for one objective alone
        new = {
            epoch: value
            for epoch, value in slot.process.epochs().items()
            if epoch not in slot.reported and math.isfinite(value)
        }
        for epoch, value in sorted(new.items()):
            slot.trial.report(value, step=epoch)
        slot.reported |= set(new)
        return bool(new)

    def _close(self, slot: _Slot, ended: Ended) -> None:
        number = slot.trial.number
        epochs = slot.process.epochs()
        values = _values(self.options.search.objectives, self._figures(ended, epochs))
        if values is None:
            slot.trial.set_user_attr("error", ended.said)
            self.study.tell(slot.trial, state=TrialState.FAIL)
            self._count_failure(f"trial {number} failed: {ended.said} ({slot.process.folder}.log)")
            return
        self._failures = 0
        figures = self._figures(ended, epochs) or {}
        for key in ("parameters", "fit_seconds", "best_epoch"):
            slot.trial.set_user_attr(key, figures.get(key))
        slot.trial.set_user_attr("config", _config(slot.process.folder / "config.yaml"))
        self.study.tell(slot.trial, values)
        named = zip(self.options.search.objectives, values, strict=True)
        self.say(f"trial {number:>4} finished  " + "  ".join(f"{name} {value:.5g}" for name, value in named))

    def _figures(self, ended: Ended, epochs: Mapping[int, float]) -> Mapping[str, Any] | None:
        """Give what a training came to: the last epoch with ``test_checkpoint=last``, which is scored."""
        if ended.figures is None or self.options.test_checkpoint is Epoch.best:
            return ended.figures
        last = max(epochs, default=None)
        return {**ended.figures, "best": epochs.get(last) if last is not None else None, "best_epoch": last}

    def _count_failure(self, line: str) -> None:
        self.say(line)
        self._failures += 1
        if self._failures >= self.options.max_failures:
            raise DataError(
                f"{self._failures} trials in a row failed, so no more are started; the last: {line}"
            )

    def _rescue(self, others: Sequence[FrozenTrial]) -> None:
        """Queue anew the trials whose worker is gone."""
        for lost in self._watch.lost(others, now_s=time.monotonic()):
            if try_again(self.study, lost, max_retries=self.options.max_retries):
                again = may_try_again(lost, max_retries=self.options.max_retries)
                outcome = (
                    "it is tried again" if again else f"max_retries={self.options.max_retries} is used up"
                )
                self.say(f"trial {lost.number:>4} lost its worker; {outcome}")

    def _give_back(self) -> None:
        """Stop what still runs, and queue it for whoever works on the study next."""
        for slot in self._slots:
            slot.process.stop()
            with suppress(Exception):  # the storage itself may be what failed
                _, running = in_work(self.study)
                for frozen in running:
                    if frozen.number == slot.trial.number:
                        try_again(self.study, frozen, max_retries=self.options.max_retries + 1)
        self._slots.clear()


def _values(objectives: Sequence[Objective], figures: Mapping[str, float] | None) -> list[float] | None:
    if figures is None:
        return None
    values = [figures.get(_FIGURES[objective]) for objective in objectives]
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    return known if len(known) == len(objectives) else None


def _devices_per_job(trainer: Mapping[str, Any]) -> int:
    devices = trainer.get("devices", 1)
    return devices if isinstance(devices, int) and devices > 0 else 1


def _config(path: Path) -> dict[str, Any]:
    """Read a trial's resolved options, without what is not part of the model's recipe."""
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError):
        return {}
    return {key: value for key, value in plain.items() if key not in {"run_dir", "evaluate_test"}}
