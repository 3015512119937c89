"""A PostgreSQL server of its own for a run: in a scratch directory, on a Unix socket, without TCP. It ends with the run."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

# PostgreSQL refuses to run as root, so then it runs as this user, which every system has.
UNPRIVILEGED = "nobody"


class Postgres:
    """The server; `database()` makes an empty database and returns its URL. `durable` makes it sync, as in production."""

    def __init__(self, durable=False):
        programs = _programs()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="casemate-pg-"))
        if os.getuid() == 0:
            os.chown(self.directory, pwd.getpwnam(UNPRIVILEGED).pw_uid, -1)
        data = str(self.directory / "data")
        _run([programs / "initdb", "--pgdata", data, "--username=casemate", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
              "--no-sync", "--no-instructions"])
        settings = ["listen_addresses=", "shared_buffers=64MB", "max_connections=100", f"fsync={'on' if durable else 'off'}"]
        command = [programs / "postgres", "-D", data, "-k", str(self.directory)]
        for setting in settings:
            command += ["-c", setting]
        self.log = open(os.path.join(tempfile.gettempdir(), self.directory.name + ".log"), "wb")
        self.process = subprocess.Popen(_unprivileged(command), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd="/")
        self._psql, self._count = programs / "psql", 0
        self._await()

    def _await(self, timeout=30):
        deadline = time.monotonic() + timeout
        while not self._sql("SELECT 1"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"PostgreSQL does not start; see {self.log.name}")
            time.sleep(0.05)

    def _sql(self, statement):
        command = [self._psql, "-h", self.directory, "-U", "casemate", "-d", "postgres", "-c", statement]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def database(self):
        self._count += 1
        name = f"run{self._count}"
        if not self._sql(f"CREATE DATABASE {name}"):
            raise SystemExit(f"PostgreSQL makes no database; see {self.log.name}")
        return f"postgres://casemate@localhost/{name}?host={self.directory}"

    def stop(self):
        # Not by SIGKILL, which would leave its shared memory.
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        self.log.close()
        os.unlink(self.log.name)
        shutil.rmtree(self.directory, ignore_errors=True)


def _programs():
    """Debian keeps the server's programs out of the PATH, by version; the newest is taken."""
    found = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if not found:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    return max(found, key=lambda path: int(path.parent.name))


def _unprivileged(command):
    """A command that does not run as root, and whose process ends when this one does."""
    prefix = ["setpriv", "--pdeathsig=QUIT"]
    if os.getuid() == 0:
        prefix += ["--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups"]
    return [str(word) for word in [*prefix, "--", *command]]


def _run(command):
    done = subprocess.run(_unprivileged(command), capture_output=True, text=True, cwd="/", check=False)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr}")
