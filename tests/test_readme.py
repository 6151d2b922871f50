import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import edfio
import numpy as np
import pytest

from ecgrnn.cli import COMMANDS, main
from ecgrnn.simulator.simulate import simulate_record

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)


def shell_commands() -> list[list[str]]:
    """Every command of every bash block, as words; lines joined by a backslash are one."""
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    pieces = [piece for line in lines for piece in re.split(r"&&|;|\|", line)]
    return [words for piece in pieces if (words := shlex.split(piece, comments=True))]


def own_commands() -> list[list[str]]:
    return [
        words[at + 3 :]
        for words in shell_commands()
        for at in range(len(words) - 2)
        if Path(words[at]).name.startswith("python") and words[at + 1 : at + 3] == ["-m", "ecgrnn"]
    ]


def test_readme_is_short_and_its_links_and_its_picture_are_there():
    assert README.count("\n") < 200
    targets = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", README)
    assert len(targets) > 30
    for target in targets:
        assert (ROOT / target).is_file(), target
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).stat().st_size < 200_000


def test_readme_shows_the_main_commands():
    assert {"train", "evaluate", "predict"} <= {words[0] for words in own_commands() if words}


@pytest.mark.parametrize("words", own_commands(), ids=" ".join)
def test_a_command_of_readme_composes(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if not words or words[0].startswith("-"):
        assert main(words) == 0
        return
    assert words[0] in COMMANDS
    plain = [word for word in words[1:] if word not in {"-m", "--multirun", "--help"}]
    swept = [word for word in plain if re.search(r"=[^\[\"']*,", word)]
    single = [re.sub(r"=([^,]*),.*", r"=\1", word) if word in swept else word for word in plain]
    assert main([words[0], *(single if "--cfg" in single else [*single, "--cfg", "job"])]) == 0
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


def test_the_lines_for_a_recording_of_ones_own_annotate_an_edf_file(tmp_path, monkeypatch, capsys):
    record = simulate_record(1, seed=0, duration_s=70.0)
    signals = [
        edfio.EdfSignal(lead, 360, label=f"ECG {name}", physical_dimension="mV", physical_range=(-8, 8))
        for lead, name in zip(record.signal.T.astype(np.float64), ("II", "V1"), strict=True)
    ]
    edfio.Edf(signals).write(tmp_path / "my.edf")
    (lines,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "my.edf" in block]
    monkeypatch.chdir(tmp_path)
    exec(lines, {})
    assert "p_V" in capsys.readouterr().out
    assert {"out", "my.html", "strip.png"} <= {file.name for file in tmp_path.iterdir()}


def test_readme_installs_extras_and_constraints_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for words in shell_commands():
        if "install" in words:
            for word in words:
                named = re.fullmatch(r"\.\[([\w,]+)\]", word)
                assert named is None or set(named[1].split(",")) <= set(extras)
            if "-c" in words:
                assert (ROOT / words[words.index("-c") + 1]).is_file()


def test_continuous_integration_runs_the_test_command_of_readme():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100, ".ci/run is not executable"
    lines = [line for line in script.read_text().splitlines() if line.startswith("test_command=")]
    assert len(lines) == 1
    read = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'{lines[0]}; printf "%s" "$test_command"'],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    marked = re.search(r"<!-- test -->\s*```bash\n(.*?)\n```\s*<!-- end -->", README, flags=re.DOTALL)
    assert read.stdout == marked[1]
    assert "pytest" in read.stdout
    assert 'bash -euo pipefail -c "$test_command"' in script.read_text()
    assert script.read_text().index('"$test_command"') > script.read_text().index("test_command=")
