"""What a study found, as plain data: rows of trials, importances, the best, and it as an experiment file."""

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from ecgrnn.options.spec import to_plain
from ecgrnn.options.sweep import SweepConfig
from ecgrnn.sweeps.space import Value, plain_number, words_of
from ecgrnn.sweeps.study import FINISHED

Row = dict[str, str | int | float | None]
_GROUPS = ("data", "preprocessing", "network", "optimizer", "loader", "trainer", "logger", "task")
_FEWEST_TO_COMPARE = 4


def trial_rows(study: optuna.Study, options: SweepConfig) -> list[Row]:
    """Give one row per trial: state, objectives, values, how long, where and by whom."""
    return [_row(trial, options) for trial in study.get_trials(deepcopy=False)]


def importances(study: optuna.Study) -> dict[str, float]:
    """Give each option's share in what makes trials good (PED-ANOVA); empty where too little is known."""
    complete = [trial for trial in study.get_trials(deepcopy=False) if trial.state == TrialState.COMPLETE]
    if len(complete) < _FEWEST_TO_COMPARE:
        return {}
    first = (lambda trial: trial.values[0]) if len(study.directions) > 1 else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that PED-ANOVA is experimental, or that trials are few
            found = optuna.importance.get_param_importances(
                study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(), target=first
            )
    except (ValueError, RuntimeError, ZeroDivisionError):
        return {}
    return {name: float(share) for name, share in found.items() if share == share}


def best_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Give the best trial, or all that none beats in every objective, the best in the first one first."""
    if not any(trial.state == TrialState.COMPLETE for trial in study.get_trials(deepcopy=False)):
        return []
    if len(study.directions) == 1:
        return [study.best_trial]
    sign = -1.0 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else 1.0
    return sorted(study.best_trials, key=lambda trial: sign * trial.values[0])


def overrides(trial: FrozenTrial) -> list[str]:
    """Give a trial's values as words of the command line."""
    return words_of(trial.params)


def experiment(study: optuna.Study, trial: FrozenTrial, options: SweepConfig) -> str:
    """Write a trial's whole recipe as a file of the group ``experiment``.

    Where the data lie is taken from this worker, not from the one that ran the trial; who is told of the
    trial is left out.
    """
    groups = dict(options.given.groups) | _chosen_groups(trial.params)
    defaults = [{f"override /{name}": groups[name]} for name in _GROUPS if groups.get(name)]
    objectives = zip(options.search.objectives, trial.values or [], strict=False)
    scores = ", ".join(f"{name} {value:.5g}" for name, value in objectives)
    recipe: dict[str, Any] = {
        group: plain for group, plain in (trial.user_attrs.get("config") or {}).items() if group != "logger"
    }
    if "data" in recipe:
        recipe["data"] = recipe["data"] | {"root": options.data.root, "cache": options.data.cache}
    head = (
        f"# @package _global_\n# Trial {trial.number} of the study {study.study_name}: validation {scores}.\n"
    )
    body: str = yaml.safe_dump({"defaults": defaults, **recipe}, sort_keys=False, allow_unicode=True)
    return head + body


def finished(rows: list[Row]) -> int:
    """Count the finished trials."""
    return sum(row["state"] in {state.name.lower() for state in FINISHED} for row in rows)


def _chosen_groups(params: Mapping[str, Value]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if name in _GROUPS}


def _row(trial: FrozenTrial, options: SweepConfig) -> Row:
    attributes = trial.user_attrs
    row: Row = {"trial": trial.number, "state": trial.state.name.lower()}
    values = trial.values if trial.state in FINISHED else None
    for k, objective in enumerate(options.search.objectives):
        row[objective.value] = values[k] if values else None
    row |= {name: to_plain(plain_number(trial.params.get(name))) for name in options.search.space}
    row["epochs"] = len(trial.intermediate_values) or None
    row["best_epoch"] = attributes.get("best_epoch")
    row["weights"] = attributes.get("parameters")
    row["fit_seconds"] = attributes.get("fit_seconds")
    row["wall_seconds"] = round(trial.duration.total_seconds(), 1) if trial.duration else None
    row["begun"] = trial.datetime_start.isoformat(timespec="seconds") if trial.datetime_start else None
    row |= {key: attributes.get(key) for key in ("host", "retry_of", "error", "run_dir")}
    return row
