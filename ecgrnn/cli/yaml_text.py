"""YAML files read with every option of text as it was typed: YAML 1.1 would turn 100_1 into 1001."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from ecgrnn.errors import ConfigError
from ecgrnn.options.arguments import Kind, Option


def text_source(options: Mapping[str, Option]) -> type[FileConfigSource]:
    """Make a source of YAML files for Hydra that knows which options are text."""

    class TextSource(FileConfigSource):
        """Reads YAML files as Hydra does, but for text."""

        def load_config(self, config_path: str) -> ConfigResult:
            """Read a file, and give every option of text its text back."""
            path = Path(self.path) / self._normalize_file_name(config_path)
            try:
                result = super().load_config(config_path)
                plain = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
            read = OmegaConf.to_container(result.config, resolve=False) if result.config else None
            if isinstance(read, dict) and isinstance(plain, dict):
                group = str(Path(config_path).parent.as_posix()).replace("/", ".").strip(".")
                package = result.header.get("package") or group
                package = "" if package == "_global_" else package.replace("_group_", group)
                _as_written(read, plain, package and f"{package}.", options)
                if "defaults" in read:
                    read["defaults"] = _texts(read["defaults"], plain["defaults"])
                result.config = OmegaConf.create(read)
            return result

    return TextSource


def _as_written(
    read: dict[Any, Any], plain: Mapping[str, Any], prefix: str, options: Mapping[str, Option]
) -> None:
    """Put text, as it is written in the file, into the place of the number that YAML made of it."""
    for key, value in read.items():
        name, text = f"{prefix}{key}", plain.get(str(key))
        kind = options[name].kind if name in options else Kind.other
        if name == "search.space" and isinstance(value, dict) and isinstance(text, dict):
            for option, choices in value.items():
                if option in options and options[option].kind is not Kind.other:
                    value[option] = _texts(choices, text.get(option))
        elif kind in (Kind.text, Kind.texts):
            read[key] = _texts(value, text)
        elif isinstance(value, dict) and isinstance(text, dict):
            _as_written(value, text, f"{name}.", options)


def _texts(value: Any, text: Any) -> Any:
    if isinstance(value, list) and isinstance(text, list):
        return [_texts(one, written) for one, written in zip(value, text, strict=True)]
    if isinstance(value, dict) and isinstance(text, dict):
        return {key: _texts(one, text.get(str(key))) for key, one in value.items()}
    return text if isinstance(value, bool | int | float) and isinstance(text, str) else value
