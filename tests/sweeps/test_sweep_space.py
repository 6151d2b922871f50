import optuna
import pytest

from ecgrnn.cli import conf_folder, register_schemas, to_config
from ecgrnn.commands.sweep import train_options
from ecgrnn.errors import ConfigError
from ecgrnn.options.commands import TrainConfig
from ecgrnn.options.spec import to_plain
from ecgrnn.options.sweep import RangeConfig, SearchConfig
from ecgrnn.sweeps.space import check_space, extremes, suggest, words_of
from ecgrnn.tasks.beats.options import BeatsConfig


def test_values_stay_in_their_range_and_keep_their_kind():
    space = {
        "a": RangeConfig(low=16, high=128, step=16),
        "b": RangeConfig(low=1e-4, high=1e-2, log=True),
        "c": RangeConfig(choices=[True, False]),
        "d": RangeConfig(low=0.0, high=0.4, step=0.1),
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        found = suggest(study.ask(), space)
        assert isinstance(found["a"], int)
        assert found["a"] in range(16, 129, 16)
        assert 1e-4 <= found["b"] <= 1e-2
        assert isinstance(found["c"], bool)
        assert 0.0 <= found["d"] <= 0.4


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"low": 1, "high": 9, "log": True, "step": 2},
        {"choices": []},
        {"choices": [1], "low": 0, "high": 1},
        {"low": "a", "high": "b"},
    ],
    ids=str,
)
def test_a_range_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"search\.space"):
        RangeConfig(**wrong)


def test_a_name_that_is_no_option_is_refused_with_the_nearest():
    options = to_plain(TrainConfig())
    with pytest.raises(ConfigError, match=r"did you mean 'network\.encoder\.hidden_size'"):
        check_space({"network.encoder.hiden_size": RangeConfig(low=1, high=2)}, options)
    check_space({"network": RangeConfig(choices=["classifier"])}, options)


@pytest.mark.parametrize(
    "name",
    [
        *("data", "data.fold", "data.split", "data.records", "data.validation_fraction", "data.root"),
        *("seed", "test_checkpoint", "evaluate_test", "run_dir", "resume", "logger", "logger.csv", "task"),
        *("task.macro_f1_classes", "trainer", "trainer.devices", "trainer.accelerator"),
        *("trainer.limit_val_batches", "trainer.overfit_batches", "trainer.fast_dev_run"),
    ],
)
def test_what_decides_who_is_scored_or_how_is_not_searched(name):
    with pytest.raises(ConfigError, match=f"names '{name}', which must be the same for all trials"):
        check_space({name: RangeConfig(choices=[0, 1])}, to_plain(TrainConfig(task=BeatsConfig())))


def test_what_makes_a_recipe_is_searched():
    options = to_plain(TrainConfig(task=BeatsConfig()))
    names = ("optimizer", "optimizer.learning_rate", "task.label_smoothing", "loader.batch_size")
    check_space({name: RangeConfig(choices=[0, 1]) for name in names}, options)
    check_space({"trainer.gradient_clip_val": RangeConfig(low=0.1, high=1.0)}, options)


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ({"low": 8, "high": 32}, [8, 32]),
        ({"low": 8, "high": 30, "step": 8}, [8, 24]),
        ({"low": 8, "high": 32.0}, [8.0, 32.0]),
        ({"low": 0.1, "high": 0.4, "step": 0.1}, [0.1, 0.4]),
        ({"low": 1e-4, "high": 1e-2, "log": True}, [1e-4, 1e-2]),
        ({"choices": [True, None, "a"]}, [True, None, "a"]),
    ],
    ids=str,
)
def test_the_extremes_are_the_ends_that_a_trial_may_be_given(values, ends):
    found = extremes(RangeConfig(**values))
    assert [type(value) for value in found] == [type(end) for end in ends]
    assert found == pytest.approx(ends) if isinstance(ends[0], float) else found == ends


def test_a_pruner_with_two_objectives_is_refused():
    with pytest.raises(ConfigError, match=r"supports one objective, but search\.objectives lists 2"):
        SearchConfig(objectives=["macro_f1", "parameters"])


def test_words_say_values_as_the_command_line_reads_them():
    from hydra.core.override_parser.overrides_parser import OverridesParser

    values = {"a": 16, "b": 1.5e-4, "c": True, "d": None, "e": "it's a, b", "f": "lstm", "g": "ä"}
    read = OverridesParser.create().parse_overrides(words_of(values))
    assert {one.key_or_group: one.value() for one in read} == values


@pytest.mark.parametrize(
    ("search", "task"),
    [
        ("beats", "beat_sequence"),
        ("beats_size", "beat_sequence"),
        ("mitdb_beats", "beat_sequence"),
        ("single_beats", "beats"),
        ("delineate", "delineate"),
    ],
)
def test_the_searches_that_come_along_name_options_of_their_task(search, task):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        options = to_config(compose("sweep", overrides=[f"search={search}", f"task={task}"]))
    check_space(options.search.space, train_options(options))
