"""Python packages that acceptance tests need, in an environment of their own."""

import pathlib
import re
import shutil
import subprocess
import venv


def install(cache: pathlib.Path, requirements: list[str]) -> pathlib.Path:
    """Installs packages once, and returns the directory of their programs."""
    home = cache / "-".join(re.sub(r"[^a-z0-9.]", "", requirement) for requirement in requirements)
    if not (home / "done").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *requirements], check=True)
        (home / "done").touch()
    return home / "bin"
