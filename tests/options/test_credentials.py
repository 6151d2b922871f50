"""Passwords in addresses stand in no file of a run and in no message."""

import pytest
import yaml

from ecgrnn.cli import main
from ecgrnn.errors import ConfigError
from ecgrnn.options.credentials import without_passwords
from ecgrnn.training.run_folder import OPTIONS, WORDS, resumed_words, write_words

SECRET = "geheim7"
ADDRESSES = [
    f"mysql://ann:{SECRET}@host/study",
    f"mysql://:{SECRET}@host/study",
    f"mysql+pymysql://ann:{SECRET}@x@host:3306/study",
    f"postgresql+psycopg://host/study?user=ann&password={SECRET}",
    f"postgresql://host/study?password={SECRET}&user=ann",
    f"https://host/mlflow?access_token={SECRET}",
    f"mssql+pyodbc:///?odbc_connect=UID%3Dann%3BPWD%3D{SECRET}%3BServer%3Dhost",
    f"mysql://host/study?ssl_password={SECRET}&charset=utf8",
    f"postgresql://host/study?user=ann&pass={SECRET}",
    f"s3://key:{SECRET}@bucket.host/a",
    f"https://host/a?X-Amz-Credential={SECRET}&X-Amz-Date=1",
    f"https://host/a?X-Amz-Date=1&X-Amz-Signature={SECRET}",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_is_hidden_wherever_it_stands_in_an_address(address):
    hidden = without_passwords(address)
    assert SECRET not in hidden
    assert "***" in hidden
    assert "host" in hidden
    assert without_passwords([{"a": address}]) == [{"a": hidden}]
    assert without_passwords(f"cannot reach {address} (refused)").startswith("cannot reach ")


@pytest.mark.parametrize(
    "text", ["sqlite:///runs/mlflow.db", "mysql://ann@host/db", "a=1&b=2", "http://h/?user=x"]
)
def test_what_holds_no_password_stays_as_it_is(text):
    assert without_passwords(text) == text


@pytest.mark.parametrize("address", ADDRESSES)
def test_the_words_of_a_run_are_kept_without_it_and_asked_for_again(address, tmp_path):
    write_words(tmp_path, ["seed=3", f"logger.mlflow_uri='{address}'", "logger.mlflow=true"])
    (tmp_path / OPTIONS).write_text("seed: 3\n")
    assert SECRET not in (tmp_path / WORDS).read_text()
    assert len(yaml.safe_load((tmp_path / WORDS).read_text())) == 3
    with pytest.raises(ConfigError, match=r"give logger\.mlflow_uri= again"):
        resumed_words([f"resume={tmp_path}"], {})
    again = f"logger.mlflow_uri='{address}'"
    assert again in resumed_words([f"resume={tmp_path}", again], {})


@pytest.mark.parametrize("address", [ADDRESSES[0], ADDRESSES[3]])
def test_no_file_and_no_message_of_a_run_has_it(address, small_training, tmp_path, monkeypatch, capsys):
    run_dir = tmp_path / "run"
    seen = {}

    def look(options, *rest):
        seen["uri"] = options.logger.mlflow_uri
        seen["files"] = "".join(path.read_text() for path in run_dir.rglob("*.yaml"))
        raise ConfigError(f"{options.logger.mlflow_uri} does not answer")

    monkeypatch.setattr("ecgrnn.commands.train._run", look)
    monkeypatch.setattr("ecgrnn.training.trackers.find_spec", lambda name: True)
    words = ["logger.mlflow=true", f"logger.mlflow_uri='{address}'", f"run_dir={run_dir}"]
    assert main([*small_training, *words]) == 2
    assert seen["uri"] == address
    assert "***" in seen["files"]
    said = capsys.readouterr()
    assert "does not answer" in said.err
    assert SECRET not in seen["files"] + said.out + said.err
