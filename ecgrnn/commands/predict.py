"""Command ``predict``: annotate a recording, or many, with the models of the package or with a checkpoint."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ecgrnn.commands.idle import check_prediction
from ecgrnn.commands.stages import say, say_all
from ecgrnn.commands.threads import keep_threads, on_threads
from ecgrnn.errors import ConfigError, DataError, EcgrnnError, reason_of, some_of
from ecgrnn.inference.annotate import annotate, fitted
from ecgrnn.inference.checkpoint import EXPORTED, load_model, preprocessing_of_checkpoint
from ecgrnn.inference.leads import leads_read, named_leads
from ecgrnn.inference.recordings import Place, find_recordings
from ecgrnn.inference.result import Result
from ecgrnn.models import is_name
from ecgrnn.options.recordings import PredictConfig
from ecgrnn.signals.formats import read
from ecgrnn.signals.recording import Recording
from ecgrnn.tasks.annotated import AnnotateOptions, safe_name, write_annotated
from ecgrnn.tasks.model import TrainedModel

_MOST_AT_ONCE = 8
"""Recordings that are annotated at the same time, where nothing was asked for."""


def run(options: PredictConfig) -> None:
    """Predict as the options say; annotations and tables go into the run folder.

    With an exported model torch is not imported: that would take longer than all the rest.

    Raises:
        CheckpointError: a checkpoint that cannot be read, or of a network that reads no recording.
        ConfigError: ``leads`` does not fit the network.
        DataError: the recording, or some of many, could not be annotated.
    """
    if options.checkpoint is not None and Path(options.checkpoint).suffix == EXPORTED:
        _predict(options)
    else:
        on_threads(_predict)(options)


def _predict(options: PredictConfig) -> None:
    annotator = _Annotator(options, _model(options))
    places, is_one = find_recordings(options.record)
    if options.corrections is not None and not is_one:
        raise ConfigError(
            f"corrections={options.corrections} is of one recording, and record={options.record} stands for "
            f"{len(places)}; correct them one by one"
        )
    if is_one:
        say_all(annotator.annotate(places[0], single=True))
    else:
        _many(annotator, places, options)


def _model(options: PredictConfig) -> str | TrainedModel | None:
    """Load the checkpoint that was named; which file of the package's serves depends on the recording."""
    if options.checkpoint is None:
        return None
    model = load_model(options.checkpoint, threads=options.threads)
    check_prediction(options, model)
    return options.checkpoint if is_name(options.checkpoint) else model


@dataclass(frozen=True)
class _Annotator:
    """Annotates recordings one by one, from any thread."""

    options: PredictConfig
    model: str | TrainedModel | None

    def annotate(self, place: Place, *, single: bool) -> list[str]:
        """Annotate a recording, write what was found, and give what the user is told."""
        options = self.options
        out = Path(options.run_dir) / place.folder
        out.mkdir(parents=True, exist_ok=True)
        recording = read(place.path, fs=options.fs, unit=options.unit)
        if options.corrections is not None:
            return self._corrected(recording, out)
        if self.model is not None:
            return self._with_one(self.model, recording, out)
        result = annotate(recording, leads=options.leads, options=self._wishes())
        return [*result.lines(), *_written(result, out, options, single=single)]

    def _with_one(self, model: str | TrainedModel, recording: Recording, out: Path) -> list[str]:
        """Annotate with the model that was named, and write one table."""
        trained, said = fitted(model, recording, self.options.leads)[0], []
        if trained.task.chooses_leads:
            said = [f"leads          {leads_read(trained, recording)}"]
        elif self.options.leads is not None:
            recording = named_leads(recording, self.options.leads)
        with preprocessing_of_checkpoint():
            found = trained.task.annotate(trained, recording, self._wishes())
        return [*said, *write_annotated(found, recording, out=out)]

    def _corrected(self, recording: Recording, out: Path) -> list[str]:
        """Annotate, correct by the file that was named, and write everything, with a copy of that file."""
        options, corrections = self.options, Path(str(self.options.corrections)).expanduser()
        result = annotate(recording, self.model, options.leads, options=self._wishes())
        result = result.correct(corrections)
        copy = out / f"{safe_name(recording)}_corrections{corrections.suffix}"
        shutil.copyfile(corrections, copy)
        return [*result.lines(), *_written(result, out, options, single=True), f"corrections    {copy}"]

    def _wishes(self) -> AnnotateOptions:
        return AnnotateOptions(self.options.annotator, self.options.extension, self.options.batch_size)


def _written(result: Result, out: Path, options: PredictConfig, *, single: bool) -> list[str]:
    """Write annotations, tables, lines of JSON and a page, and say where they are."""
    name = safe_name(result.recording)
    marks = result.to_wfdb(out, extension=options.extension, signal=False)
    tables = [*result.to_csv(out), result.to_jsonl(out / f"{name}.jsonl")]
    page = result.to_html(out / ("report.html" if single else f"{name}.html"))
    return [
        *(f"annotations    {file}" for file in marks),
        *(f"table          {file}" for file in tables),
        f"report         {page}",
    ]


def _many(annotator: _Annotator, places: list[Place], options: PredictConfig) -> None:
    """Annotate many recordings; one that cannot be read does not cost the others."""
    from tqdm import tqdm  # one recording needs no bar, and is annotated in less time than this takes

    failed: list[str] = []
    bar = tqdm(total=len(places), desc="annotating", unit="recording")
    with bar:
        for place, said, error in _done(annotator, places, options):
            say(f"record         {place.name}")
            say_all(said if error is None else [f"not annotated  {error}"])
            failed += [place.name] if error is not None else []
            bar.update()
    if failed:
        raise DataError(
            f"{options.record}: {len(failed)} of {len(places)} records could not be annotated "
            f"({some_of(failed)}); the reasons are above. The others are in {options.run_dir}"
        )


def _reason(error: OSError | MemoryError) -> str:
    return reason_of(error) if isinstance(error, OSError) else "there is not enough memory for it"


def _done(
    annotator: _Annotator, places: list[Place], options: PredictConfig
) -> Iterator[tuple[Place, list[str], EcgrnnError | None]]:
    """Annotate several recordings at a time, and give what was said of each, in their order."""

    def work(place: Place) -> tuple[Place, list[str], EcgrnnError | None]:
        """Annotate one of them."""
        try:
            return place, annotator.annotate(place, single=False), None
        except (ConfigError, DataError) as error:
            return place, [], error
        except (OSError, MemoryError) as error:
            return place, [], DataError(f"{place.path}: {_reason(error)}")

    at_once = options.workers or min(os.cpu_count() or 1, _MOST_AT_ONCE)
    with ThreadPoolExecutor(at_once, initializer=keep_threads()) as pool:
        try:
            yield from pool.map(work, places)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
