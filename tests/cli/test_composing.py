import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr
from pathlib import Path

import pytest
import yaml

from ecgrnn.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def composed(capsys, *words: str):
    assert main([*words, "--cfg", "job"]) == 0
    return yaml.load(capsys.readouterr().out, Loader=yaml.BaseLoader)


def test_text_reaches_the_options_as_it_was_typed(capsys):
    words = ["run_dir=1.10", "data.root=2026_11", "data.split=it's (a) = #1, ä", "data.records=[100_1,1e3]"]
    options = composed(capsys, "train", *words)
    assert options["run_dir"] == "1.10"
    assert options["data"]["root"] == "2026_11"
    assert options["data"]["split"] == "it's (a) = #1, ä"
    assert options["data"]["records"] == ["100_1", "1e3"]


def test_interpolations_work(capsys, monkeypatch):
    monkeypatch.setenv("WHERE", "a, b")
    assert main(["train", "data.root=${oc.env:WHERE}/${now:%Y}", "--cfg", "job", "--resolve"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["data"]["root"].startswith("a, b/20")


def test_text_in_yaml_files_stays_text(capsys, tmp_path):
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "search").mkdir()
    (tmp_path / "conf" / "experiment" / "1.yaml").write_text(
        "# @package _global_\nseed: 1_0\ndata:\n  records: [100_1, 0100, on]\n  root: 1.10\n  split: 1:30\n"
    )
    (tmp_path / "conf" / "search" / "s.yaml").write_text(
        "space:\n  data.split: {choices: [100_1, no]}\n  seed: {low: 1, high: 1_0}\n"
    )
    words = ["--config-dir", str(tmp_path / "conf"), "experiment=1", "search=s"]
    options = composed(capsys, "sweep", *words)
    assert options["seed"] == "10"
    assert options["data"]["records"] == ["100_1", "0100", "on"]
    assert (options["data"]["root"], options["data"]["split"]) == ("1.10", "1:30")
    assert options["search"]["space"]["data.split"]["choices"] == ["100_1", "no"]
    assert options["search"]["space"]["seed"]["high"] == "10"


def test_a_yaml_file_that_is_none_is_one_line(capsys, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "bad.yaml").write_text("a: [1\nb: {")
    assert main(["train", f"--config-dir={tmp_path}", "experiment=bad"]) == 2
    said = capsys.readouterr().err
    assert "bad.yaml cannot be read as YAML" in said
    assert said.count("\n") == 1


def test_a_run_folder_is_named_as_typed_and_a_tilde_is_the_home(tmp_path, small_data, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("1.10", "2026_11_27", "Jo's (ä) = [1], #2"):
        assert main(["prepare", *small_data, f"run_dir={name}"]) == 0
        written = yaml.safe_load((tmp_path / name / "config.yaml").read_text())
        assert written["run_dir"] == name
    assert main(["prepare", *small_data, "run_dir=~/x"]) == 0
    assert (tmp_path / "home" / "x" / "config.yaml").is_file()


def test_the_record_that_was_typed_is_annotated_and_no_other(trained, small_database, tmp_path, capsys):
    names = ["100_1", "1001", "it's, ä=(1)"]
    for source, name in zip(("s001", "s002", "s003"), names, strict=True):
        for end in ("hea", "dat"):
            content = (small_database / f"{source}.{end}").read_bytes()
            (tmp_path / f"{name if end == 'hea' else source}.{end}").write_bytes(content)
    checkpoint = f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"
    tables = []
    for number, name in enumerate(names):
        assert main(["predict", checkpoint, f"record={name}", f"run_dir=out{number}"]) == 0
        tables.append((tmp_path / f"out{number}" / f"{name}.csv").read_text())
    assert len(set(tables)) == 3
    assert main(["predict", "-m", checkpoint, 'record=100_1,1001,"it\'s, ä=(1)"', "run_dir=m"]) == 0
    for number, name in enumerate(names):
        assert (tmp_path / "m" / str(number) / f"{name}.csv").read_text() == tables[number]


def test_a_resumed_run_keeps_the_text_and_refuses_another_folder(tmp_path, capsys):
    run = tmp_path / "1.10"
    run.mkdir()
    (run / "config.yaml").write_text("seed: 3\n")
    (run / "overrides.yaml").write_text(yaml.safe_dump(["data.root='100_1'", "seed=3"]))
    options = composed(capsys, "train", "resume=1.10")
    assert (options["data"]["root"], options["resume"], options["run_dir"]) == ("100_1", "1.10", "1.10")
    assert main(["train", "resume=1.10", "run_dir=other"]) == 2
    assert "run_dir=other names another one" in capsys.readouterr().err


def test_threads_and_a_program_that_uses_hydra_call_the_command_line(small_data, tmp_path):
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "mine.yaml").write_text("a: 1\n")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(tmp_path / "theirs"), version_base="1.3"):
        with ThreadPoolExecutor(3) as pool, redirect_stderr(io.StringIO()):
            words = [["prepare", *small_data, f"run_dir=t{k}", f"data.split_seed={k}"] for k in range(3)]
            assert list(pool.map(main, words)) == [0, 0, 0]
        assert compose("mine").a == 1
    for k in range(3):
        assert yaml.safe_load((tmp_path / f"t{k}" / "config.yaml").read_text())["data"]["split_seed"] == k


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "checkpoint=x", "rr_s=nan"],
        ["generate", "checkpoint=x", "rr_s=1e9"],
        ["generate", "checkpoint=x", "rr_s=0"],
        ["generate", "checkpoint=x", "spread=nan"],
        ["generate", "checkpoint=x", "n=1000000000"],
        ["evaluate", "checkpoint=x", "bootstrap_seed=-1"],
        ["evaluate", "checkpoint=x", "window_s=inf"],
        ["train", "optimizer.learning_rate=nan"],
        ["train", "optimizer.weight_decay=inf"],
        ["train", "seed=99999999999999999999"],
        ["train", "trainer.max_epochs=abc"],
        ["train", "trainer.max_epochs=nan"],
        ["train", "trainer.accumulate_grad_batches=0"],
        ["train", "trainer.gradient_clip_val=nan"],
        ["train", "trainer.limit_train_batches=1.5"],
        ["train", "trainer.enable_progress_bar=abc"],
        ["train", "=3"],
        ["train", "--config-name", "evaluate"],
        ["train", "seed=a(b"],
        ["train", "experiment=1"],
        ["verify", "tolerance=nan"],
    ],
    ids=" ".join,
)
def test_what_no_option_can_be_is_one_line_and_leaves_nothing(words, capsys, tmp_path):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("ecgrnn: ")
    assert said.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_inspect_leaves_nothing_and_prints_no_python(trained, tmp_path, capsys):
    assert main(["inspect", f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}"]) == 0
    said = capsys.readouterr().out
    assert not list(tmp_path.iterdir())
    assert not any(sign in said for sign in ("None", "True", "False", "{", "'"))


@pytest.mark.parametrize("command", ["train", "prepare", "predict", "evaluate"])
def test_the_help_shows_what_can_be_chosen_and_what_it_is(command, capsys):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "_schema" not in said
    assert ("data: which database" in said) == (command != "predict")
    assert ("mitdb " in said) == (command != "predict")
    assert ("optimizer:" in said) == (command == "train")
    assert ("as_trained" in said) == (command == "evaluate")


def run_program(code: str, *, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    everything = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=cwd, env=everything, check=False
    )


def test_help_into_a_pipe_that_closes_says_nothing_on_stderr(tmp_path):
    command = f"set -o pipefail; {sys.executable} -m ecgrnn train --help | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"usage")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_printing_in_another_encoding_costs_no_record(encoding, trained, small_database, tmp_path):
    folder = tmp_path / "ward"
    folder.mkdir()
    for source, name in (("s001", b"caf\xe9"), ("s002", "Ω漢".encode()), ("s003", b"z")):
        (folder / f"{source}.dat").write_bytes((small_database / f"{source}.dat").read_bytes())
        header = (small_database / f"{source}.hea").read_bytes()
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b".hea")).write_bytes(header)
    words = ["predict", f"checkpoint={trained / 'checkpoints' / 'best.ckpt'}", "record=ward", "run_dir=run"]
    done = run_program(
        f"from ecgrnn.cli import main; raise SystemExit(main({words!r}))",
        cwd=tmp_path,
        PYTHONIOENCODING=encoding,
    )
    assert done.returncode == 0, done.stderr
    written = {os.fsencode(path.name) for path in (tmp_path / "run").glob("*.ecg")}
    assert written == {b"caf\xe9.ecg", "Ω漢.ecg".encode(), b"z.ecg"}


WITHOUT_POSIX = """
import os, shutil, signal, sys, warnings
shutil._use_fd_functions = False  # it removes folders by handles of them
warnings.simplefilter("ignore")
for name in ("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGALRM"):
    if hasattr(signal, name):
        delattr(signal, name)
for name in ("fork", "forkpty", "killpg", "sched_getaffinity", "posix_fallocate", "setsid"):
    if hasattr(os, name):
        delattr(os, name)
sys.modules["fcntl"] = sys.modules["resource"] = sys.modules["pwd"] = None
plain = os.open
def opened(path, *arguments, **keys):
    if not isinstance(path, int) and os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return plain(path, *arguments, **keys)
os.open = opened
from ecgrnn.cli import main
for words in COMMANDS:
    status = main(words)
    if status:
        raise SystemExit(f"{words[0]} {status}")
"""


def test_commands_run_where_posix_is_absent(small_training, small_data, small_database, tmp_path):
    checkpoint = "checkpoint=run/checkpoints/best.ckpt"
    commands = [
        ["prepare", *small_data, "run_dir=prepared"],
        [*small_training, "run_dir=run"],
        ["evaluate", checkpoint, "resamples=100", "run_dir=evaluated"],
        ["predict", checkpoint, f"record={small_database / 's001'}", "run_dir=predicted"],
        [
            *("score", f"reference={small_database}", f"test={small_database}", "test_annotator=atr"),
            *("start_s=0", "run_dir=scored"),
        ],
    ]
    done = run_program(WITHOUT_POSIX.replace("COMMANDS", repr(commands)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_without_tensorboard_training_runs_and_says_so(small_training, tmp_path):
    code = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "import importlib.util as u, importlib.metadata as m\n"
        "sys.modules['tensorboard'] = sys.modules['tensorboardX'] = None\n"
        "plain = m.version\n"
        "def version(name):\n"
        "    if name.startswith('tensorboard'): raise m.PackageNotFoundError(name)\n"
        "    return plain(name)\n"
        "m.version = version\n"
        "from ecgrnn.cli import main\n"
        f"raise SystemExit(main({[*small_training, 'logger.tensorboard=null', 'run_dir=run']!r}))"
    )
    done = run_program(code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert b"pip install 'ecgrnn[tensorboard]'" in done.stdout
    assert not (tmp_path / "run" / "tensorboard").exists()
