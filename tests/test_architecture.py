import ast
import dataclasses
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

import ecgrnn
from ecgrnn.cli import COMMANDS, conf_folder, register_schemas, to_config
from ecgrnn.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "ecgrnn"
MODULES = sorted(PACKAGE.rglob("*.py"))

sys.path.insert(0, str(ROOT / "scripts"))
import house  # noqa: E402 - the drawing of CONTRIBUTING.md and these tests read the imports in one way

HEIGHTS = house.heights()
ROOMS_OF = {
    "hydra": {"cli"},
    "omegaconf": {"cli"},
    "matplotlib": {"reports"},
    "jinja2": {"reports"},
    "markupsafe": {"reports"},
    "pytorch_lightning": {"data", "tasks", "training", "commands"},
    "lightning_fabric": {"training", "commands"},
    "optuna": {"sweeps"},
    "torchmetrics": {"metrics", "tasks", "training"},
}
LIGHTNING_IN_TASKS = {"module.py", "multilabel.py", "classification.py", "optimisation.py"}
"""The files of ``tasks/`` that train; no other knows Lightning."""

WITHOUT_TORCH = {"", "errors", "options", "signals", "simulator", "reports", "sweeps", "cli", "__main__"}

REQUIRED = {
    "checkpoint": "best.ckpt",
    "record": "mitdb/100",
    "out": "out",
    "reference": "a",
    "test": "b",
    "test_annotator": "c",
}
"""What has no default: given wherever a command has the option."""


def compose_config(command: str, *overrides: str):
    """Compose a command's options as its command line does, and turn them into its dataclass."""
    options = {option.name for option in dataclasses.fields(COMMANDS[command][1])}
    given = [f"{key}={value}" for key, value in REQUIRED.items() if key in options]
    if command == "stream":
        given += ["source=-", "fs=360", "leads=[II]"]
    register_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        return to_config(compose(command, overrides=[*overrides, *given]))


def groups_of(command: str) -> dict[str, list[str]]:
    """Config groups of a command and the choices that each has."""
    content = yaml.safe_load((conf_folder() / f"{command}.yaml").read_text())
    entries = [entry for entry in content["defaults"] if isinstance(entry, dict)]
    groups = [group for entry in entries for group in entry if not group.startswith("override ")]
    return {group: sorted(file.stem for file in (conf_folder() / group).glob("*.yaml")) for group in groups}


def choices() -> list[tuple[str, str, str]]:
    """Every file of every group, with one command that has the group."""
    commands = {group: command for command in COMMANDS for group in groups_of(command)}
    return [
        (command, group, choice)
        for group, command in commands.items()
        for choice in groups_of(command)[group]
    ]


def named(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_imports_only_go_down(module):
    here = house.package_of(module)
    assert here == "" or here in HEIGHTS, f"{here} stands on no floor: give it one in scripts/house.py"
    for there in house.packages_entered(module) - {here, ""}:
        # the public face is above all floors; what may be imported from it is tested next
        assert here == "" or HEIGHTS[there] < HEIGHTS[here], f"{module.relative_to(ROOT)} imports {there}"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_nothing_is_imported_through_the_public_face_but_the_version(module):
    of_face = {f"ecgrnn.{name}" for name in ecgrnn.__all__} - {"ecgrnn.__version__"}
    assert not house.imported(module) & of_face, f"{module.relative_to(ROOT)} imports what is above it"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_each_tool_stays_in_its_rooms(module):
    tools = {name.split(".")[0] for name in house.imported(module)}
    here = house.package_of(module)
    for tool in tools & set(ROOMS_OF):
        assert here in ROOMS_OF[tool], f"{module.relative_to(ROOT)} imports {tool}"
    assert "torch" not in tools or here not in WITHOUT_TORCH
    if here == "tasks" and module.name not in LIGHTNING_IN_TASKS:
        assert "pytorch_lightning" not in at_run_time(module)


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_task_is_named_in_its_own_room_and_in_the_table_only(module):
    rooms = {path.name for path in (PACKAGE / "tasks").iterdir() if (path / "task.py").is_file()}
    parts = module.relative_to(PACKAGE).parts
    for name in house.imported(module):
        match name.split("."):
            case ["ecgrnn", "tasks", room, *_] if room in rooms and parts != ("tasks", "__init__.py"):
                assert parts[:2] == ("tasks", room), f"{module.relative_to(ROOT)} imports {name}"


MOST_LINES, MOST_FILES = 350, 15
ONE_FILE_EACH = {"commands", "data/databases"}
"""Folders with a file for each thing of one kind, as many as there are."""


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_file_is_short(module):
    lines = len(module.read_text().splitlines())
    assert lines <= MOST_LINES, f"{named(module)} has {lines} lines: it is two rooms, split it"


@pytest.mark.parametrize("folder", sorted({module.parent for module in MODULES}), ids=named)
def test_few_files_stand_side_by_side(folder):
    if named(folder) not in ONE_FILE_EACH:
        count = len([file for file in folder.glob("*.py") if file.name != "__init__.py"])
        assert count <= MOST_FILES, f"{named(folder)} has {count} modules: it is two floors, divide it"


DRAWINGS = {
    "inference/page/drawing/hours.py",
    "inference/page/drawing/strips.py",
    "inference/page/drawing/template.py",
    "reports/charts.py",
    "reports/paper.py",
    "reports/parallel.py",
    "tasks/delineation/strips.py",
}
"""The files that draw SVG."""

TAG = re.compile(
    r"</?(?:html|head|body|main|header|nav|section|div|span|p|a|b|i|br|code|h[1-6]|ul|ol|li|table|caption|thead|"
    r"tbody|tr|th|td|figure|figcaption|details|summary|style|script|img|svg|g|path|rect|line|circle|polyline|text|"
    r"tspan|title)(?![\w-])"
)


def texts_of(module: Path) -> list[str]:
    """Texts in a module's code, its docstrings left out."""
    nodes = list(ast.walk(ast.parse(module.read_text())))
    told = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in told]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_markup_is_in_templates_and_in_drawings_alone(module):
    marked = [text for text in texts_of(module) if TAG.search(text)]
    assert not marked or module.relative_to(PACKAGE).as_posix() in DRAWINGS
    if module.relative_to(PACKAGE).as_posix() != "reports/render.py":
        assert "Markup" not in module.read_text(), "only reports/render.py lets text through as it is"


def test_the_search_for_markup_finds_it():
    assert all((PACKAGE / module).is_file() and texts_of(PACKAGE / module) for module in DRAWINGS)
    assert all(any(TAG.search(text) for text in texts_of(PACKAGE / module)) for module in DRAWINGS)
    assert TAG.search("x</p>")
    assert not TAG.search("a < b, <pathname>, x<0")


TEMPLATES = sorted(file for file in PACKAGE.rglob("templates/*") if file.is_file())


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_no_template_lets_text_through_unescaped(template):
    text = template.read_text()
    assert template.suffix in {".html", ".css", ".md", ".js"}
    # nothing is escaped by itself in Markdown: no page takes anything from there
    assert template.suffix != ".html" or not re.search(r"{%[^%]*\.md", text)
    assert not re.search(r"\|\s*safe\b|autoescape", text)
    if template.suffix != ".js":
        text = SCRIPT.sub("", text)
        assert not re.search(r"<script|\bon\w+=|https?://|@import|url\((?!#)", text)


SCRIPT = re.compile(
    r'<script type="application/json" id="\w+">\{\{ [\w.]+\|tojson \}\}</script>\n'
    r"<script>\{\{ (\w+) \}\}</script>"
)
"""A page's own scripts and their data: the policy of the page has each script's digest."""


def test_a_script_is_a_file_that_fetches_nothing_and_makes_no_markup():
    scripts = [file for file in TEMPLATES if file.suffix == ".js"]
    assert scripts
    for file in scripts:
        text = file.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", text)
        assert not re.search(r"https?://|fetch\(|XMLHttpRequest|WebSocket|sendBeacon|import\(", text)
        assert "{{" not in text
        assert "{%" not in text
    for file in TEMPLATES:
        for name in SCRIPT.findall(file.read_text()):
            policy = file.read_text().partition("{% block policy %}")[2].partition("{% endblock %}")[0]
            assert "script-src" in policy
            assert f"'sha256-{{{{ {name}|sha256 }}}}'" in policy


def at_run_time(module: Path) -> set[str]:
    """Packages a module imports when it is imported or works, and not only for its annotations."""
    tree = ast.parse(module.read_text())
    tree.body = [node for node in tree.body if "TYPE_CHECKING" not in ast.unparse(node).splitlines()[0]]
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in plain | named}


def test_the_drawing_of_the_house_is_up_to_date():
    drawn = (ROOT / "CONTRIBUTING.md").read_text().partition(house.BEGIN)[2].partition(house.END)[0]
    assert house.drawing() in drawn, "run: python scripts/house.py --write"


def test_the_arrow_checker_sees_every_kind_of_import():
    face = house.imported(PACKAGE / "cli" / "__init__.py")
    assert {"ecgrnn.errors", "ecgrnn.options", "ecgrnn.cli.composing"} <= face
    here = house.imported(PACKAGE / "cli" / "composing.py")
    assert {"ecgrnn.errors", "hydra", "omegaconf", "hydra.errors"} <= here


def test_help_imports_neither_torch_nor_hydra():
    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ecgrnn", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    modules = {line.rpartition("|")[2].strip().split(".")[0] for line in finished.stderr.splitlines()}
    assert "ecgrnn" in modules
    assert not modules & {"torch", "hydra", "omegaconf", "scipy", "wfdb", "pandas", "matplotlib", "numpy"}
    assert all(f"  {command} " in finished.stdout for command in COMMANDS)


def test_importing_the_package_does_nothing():
    script = "import sys; before = set(sys.modules); import ecgrnn; print(sorted(set(sys.modules) - before))"
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert finished.stdout == "['ecgrnn']\n"
    assert finished.stderr == ""


def test_every_root_file_is_a_command_and_every_command_has_one():
    roots = {file.stem for file in conf_folder().glob("*.yaml") if not file.stem.startswith("_")}
    assert roots == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_into_its_dataclass(command):
    config = compose_config(command)
    assert type(config) is COMMANDS[command][1]


@pytest.mark.parametrize(("command", "group", "choice"), choices())
def test_every_choice_composes_into_the_dataclass_of_its_command(command, group, choice):
    config = compose_config(command, f"{group}={choice}")
    assert type(config) is COMMANDS[command][1]


def test_every_yaml_file_is_reached_by_some_command():
    reached = {Path(group) / f"{choice}.yaml" for _, group, choice in choices()}
    reached |= {Path(f"{command}.yaml") for command in COMMANDS} | {Path("_run.yaml")}
    there = {file.relative_to(conf_folder()) for file in conf_folder().rglob("*.yaml")}
    assert there == reached


def defaults_of(command: str) -> dict[str, str | None]:
    """Config groups of a command and the choice that each has unless another is made."""
    entries = yaml.safe_load((conf_folder() / f"{command}.yaml").read_text())["defaults"]
    return {group: choice for entry in entries if isinstance(entry, dict) for group, choice in entry.items()}


def test_a_sweep_composes_what_each_of_its_trials_composes():
    of_sweep = defaults_of("sweep")
    assert of_sweep.pop("search") == "beats"
    assert of_sweep == defaults_of("train")


def test_prepare_composes_what_the_training_composes():
    assert defaults_of("prepare") == defaults_of("train")


@pytest.mark.parametrize(
    "words",
    [
        ["data=mitdb"],
        ["data=mitdb", "task=beats"],
        ["data=ludb", "task=delineate"],
        ["data=cinc2017", "task=rhythm"],
        ["data=ptbxl", "task=superclass"],
        *([f"experiment={file.stem}"] for file in sorted((conf_folder() / "experiment").glob("*.yaml"))),
    ],
    ids=" ".join,
)
def test_the_words_of_a_training_prepare_what_it_reads(words):
    prepared, trained = compose_config("prepare", *words), compose_config("train", *words)
    assert (prepared.data, prepared.preprocessing) == (trained.data, trained.preprocessing)
    assert prepared.task == trained.task


def test_every_network_builds_for_some_task_and_every_task_has_a_network():
    from ecgrnn.options.spec import SignalSpec
    from ecgrnn.tasks import task_of

    signal = SignalSpec(fs_hz=250.0, leads=("",))
    groups = groups_of("train")
    built = set()
    for network, task in itertools.product(groups["network"], groups["task"]):
        options = compose_config("train", f"network={network}", f"task={task}")
        try:
            task_of(options.task).network(options.network, signal=signal, n_classes=4)
        except ConfigError:
            continue
        built.add((network, task))
    assert {network for network, _ in built} == set(groups["network"])
    assert {task for _, task in built} == set(groups["task"])


@pytest.mark.parametrize("trainer", groups_of("train")["trainer"])
def test_every_trainer_file_has_only_keys_of_lightning(trainer):
    from ecgrnn.training.trainer_values import check_trainer_keys

    check_trainer_keys(compose_config("train", f"trainer={trainer}").trainer)


@pytest.mark.parametrize("experiment", groups_of("train")["experiment"])
def test_every_experiment_validates_where_it_is_only_tried(experiment):
    options = compose_config("train", f"experiment={experiment}", "debug=fast")
    assert options.trainer["max_epochs"] == options.trainer["check_val_every_n_epoch"] == 1


def test_no_yaml_file_names_code():
    for file in conf_folder().rglob("*.yaml"):
        assert "_target_" not in file.read_text(), f"{file} names code; build.py builds"


def test_the_wheel_ships_conf_and_templates_inside_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["packages"] == ["ecgrnn"]
    assert wheel["force-include"] == {"conf": "ecgrnn/conf"}
    assert set(wheel) == {"packages", "force-include"}  # nothing of a package is left out: not its templates
    assert len(TEMPLATES) > 10
    assert (PACKAGE / "py.typed").is_file()
    assert project["project"]["scripts"] == {"ecgrnn": "ecgrnn.cli:main"}


def test_an_installed_package_reads_the_conf_it_ships(tmp_path, monkeypatch):
    installed = tmp_path / "ecgrnn"
    (installed / "conf").mkdir(parents=True)
    monkeypatch.setattr("ecgrnn.cli.__file__", str(installed / "cli" / "__init__.py"))
    assert conf_folder() == installed / "conf"


@pytest.mark.parametrize("command", ["prepare", "predict", "generate", "inspect", "score", "convert"])
def test_commands_that_train_nothing_start_without_lightning(command):
    heavy = ("pytorch_lightning", "torchmetrics", "matplotlib")
    code = f"import sys, ecgrnn.commands.{command}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
