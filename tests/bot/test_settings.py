"""Settings: which source wins, and what a person is told about a mistake (F02)."""

from pathlib import Path

import pytest

from bot.settings import config_path, load, unknown_variables
from store.errors import ConfigError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("", "utf-8")
    monkeypatch.setenv("CITEWIRE_CONFIG", str(path))
    return path


def test_without_any_choice_the_defaults_hold() -> None:
    settings = load()
    assert (settings.model, settings.embedder) == ("auto", "onnx:all-MiniLM-L6-v2")
    assert (settings.context_tokens, settings.k, settings.base_url) == (4096, 10, None)
    assert settings.library.is_absolute()


def test_config_lies_in_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_path() == tmp_path / "citewire" / "config.toml"


def test_option_wins_over_environment_over_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("k = 3\nthreads = 3\nslots = 3\n", "utf-8")
    monkeypatch.setenv("CITEWIRE_K", "4")
    monkeypatch.setenv("CITEWIRE_THREADS", "4")
    settings = load(k=5, threads=None)
    assert (settings.k, settings.threads, settings.slots) == (5, 4, 3)


def test_f02_unknown_key_is_named_with_line_and_nearest(config: Path) -> None:
    config.write_text('# mine\nmodle = "auto"\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        load()
    assert f"Unknown key 'modle' in {config}, line 2; did you mean 'model'?" in str(caught.value)
    assert caught.value.exit_code == 78


def test_f02_broken_file_is_named_with_its_line(config: Path) -> None:
    config.write_text('model = "auto"\nk = = 3\n', "utf-8")
    with pytest.raises(ConfigError, match=r"not valid TOML: .*line 2"):
        load()


def test_f02_half_written_file_is_refused(config: Path) -> None:
    config.write_bytes(b'model = "au')
    with pytest.raises(ConfigError, match="not valid TOML"):
        load()


def test_f02_file_that_is_not_text_is_refused(config: Path) -> None:
    config.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load()


def test_f02_wrong_type_is_named_with_line_and_value(config: Path) -> None:
    config.write_text('\nk = "many"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"The key 'k' in .*, line 2, .*not 'many'"):
        load()


def test_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWIRE_CONTEXT_TOKENS", "12")
    with pytest.raises(ConfigError, match=r"The variable CITEWIRE_CONTEXT_TOKENS .*512.*not '12'"):
        load()


def test_wrong_option_is_named() -> None:
    with pytest.raises(ConfigError, match=r"The option --k .*not 0"):
        load(k=0)


def test_named_file_that_is_not_there_is_a_mistake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CITEWIRE_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"none\.toml, which is not there"):
        load()


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWIRE_API_KEY", "sk-very-secret")
    settings = load()
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "sk-very-secret"
    assert "very-secret" not in repr(settings) + str(settings.shown())


def test_variable_that_means_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWIRE_MODLE", "x")
    assert unknown_variables() == ("CITEWIRE_MODLE; did you mean 'CITEWIRE_MODEL'?",)
