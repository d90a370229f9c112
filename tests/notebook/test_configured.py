"""A rejected value, in `%config` or in a file, affects neither the magics nor other values."""

import subprocess
import sys

import pytest

REFUSED = [
    ("temperature = 9", "temperature stays None"),
    ("name = 'a b'", "name stays 'llm'"),
    ("endpoint = 5", "endpoint stays ''"),
]


@pytest.mark.parametrize(("line", "default"), REFUSED, ids=[line for line, _ in REFUSED])
def test_a_refused_value_does_not_break_the_next_load(shell, capsys, caplog, line, default):
    shell.run_line_magic("config", f"XinferenceMagics.{line}")
    assert len(caplog.records) >= 1  # IPython's own
    shell.run_line_magic("config", "XinferenceMagics.seed = 7")
    capsys.readouterr()
    shell.run_line_magic("reload_ext", "xinference_magics")
    [said] = capsys.readouterr().out.splitlines()
    assert said.startswith(f"Ignored XinferenceMagics.{line} ({default}): ")
    assert shell.find_cell_magic("chat") is not None
    magics = shell.magics_manager.registry["XinferenceMagics"]
    assert magics.seed == 7
    assert [each for each in shell.configurables if type(each) is type(magics)] == [magics]
    shell.run_line_magic("reload_ext", "xinference_magics")
    assert capsys.readouterr().out == ""


def test_bad_lines_of_a_configuration_file_are_named_and_the_others_apply(tmp_path):
    profile = tmp_path / "profile_default"
    profile.mkdir()
    (profile / "ipython_config.py").write_text(
        "c.InteractiveShellApp.extensions = ['xinference_magics']\n"
        "c.XinferenceMagics.temperature = 9\n"
        "c.XinferenceMagics.max_tokens = 'many'\n"
        "c.XinferenceMagics.seed = 7\n"
    )
    code = "get_ipython().run_line_magic('config', 'XinferenceMagics.seed = 8'); print('went on')"
    command = [sys.executable, "-m", "IPython", "--ipython-dir", str(tmp_path)]
    shown = subprocess.run(
        [*command, "--colors=NoColor", "--no-banner", "-c", f"%xinference?\n{code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    ).stdout
    assert "Ignored XinferenceMagics.temperature = 9 (temperature stays None): " in shown
    assert "Ignored XinferenceMagics.max_tokens = 'many' (max_tokens stays 2048): " in shown
    assert "went on" in shown
    assert "Traceback" not in shown
