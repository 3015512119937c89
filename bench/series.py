"""The release series that the benchmark of objects stores: fetched once, pinned by their SHA-256, or made here.

A set that cannot be had, say without a network, is skipped by the caller with the reason.
"""

import dataclasses
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile

# Version to SHA-256; the source archives by their place.
DJANGO_WHEELS = {
    "5.1.1": "71603f27dac22a6533fb38d83072eea9ddb4017fead6f67f2562a40402d61c3f",
    "5.1.2": "f11aa87ad8d5617171e3f77e1d5d16f004b79a2cf5d2e1d2b97a6a1f8e9ba5ed",
    "5.1.3": "8b38a9a12da3ae00cb0ba72da985ec4b14de6345046b1e174b1fd7254398f818",
    "5.1.4": "236e023f021f5ce7dee5779de7b286565fdea5f4ab86bae5338e3f7b69896cf0",
    "5.1.5": "c46eb936111fffe6ec4bc9930035524a8be98ec2f74d8a0ff351226a3e52f459",
    "5.1.6": "8d203400bc2952fbfb287c2bbda630297d654920c72a73cc82a9ad7926feaad5",
    "5.1.7": "1323617cb624add820cb9611cdcc788312d250824f92ca6048fda8625514af2b",
}
NUMPY_WHEELS = {
    "2.2.0": "85ad7d11b309bd132d74397fcf2920933c9d1dc865487128f5c03d580f2c3d03",
    "2.2.1": "5062dc1a4e32a10dc2b8b13cedd58988261416e811c1dc4dbdea4f57eea61b0d",
    "2.2.2": "0349b025e15ea9d05c3d63f9657707a4e1d471128a3b1d876c095f328f8ff7f0",
    "2.2.3": "3b787adbf04b0db1967798dba8da1af07e387908ed1553a0d6e74c084d1ceafe",
    "2.2.4": "4f92084defa704deadd4e0a5ab1dc52d8ac9e8a8ef617f3fbb853e79b0ea3592",
    "2.2.5": "3a801fef99668f309b88640e28d261991bfad9617c27beda4a3aec4f217ea073",
    "2.2.6": "fd83c01228a688733f1ded5201c678f0c53ecc1006ffbc404db9f7a899ac6249",
}
TYPESCRIPT = {
    "5.7.2": "6826f763112d55de0093fd94a4257cabadf1f40b387757e7c68485fc971e886b",
    "5.7.3": "80cfca1254bab8e81d639178e42d6406d856fba6e34cad60d1ab50ee6e5f7ebb",
    "5.8.2": "ef938a45323df5775664ea5d55e8bc0ab2027a40db1ff857bb957fe7bbaa4434",
    "5.8.3": "72e75dbeb92c2e6eb9a34cb59d74fab5c2ee6f32a0324a89405f6165d5a08374",
    "5.9.2": "67a3bc82e822b8f45f653a80fc3a9730d23214d36c83ba85dd7f5abebee82062",
    "5.9.3": "10e108c9cf7d5f2879053dff18515fb405abf2ccef63eaaf017d9c571687a1d3",
}
DJANGO_SDISTS = {
    "88/6f/8f57ed6dc88656edd4fcb35c50dd963f3cd79303bd711fb0160fc7fd6ab7/Django-5.1.1.tar.gz":
        "021ffb7fdab3d2d388bc8c7c2434eb9c1f6f4d09e6119010bbb1694dda286bc2",
    "9c/e5/a06e20c963b280af4aa9432bc694fbdeb1c8df9e28c2ffd5fbb71c4b1bec/Django-5.1.2.tar.gz":
        "bd7376f90c99f96b643722eee676498706c9fd7dc759f55ebfaf2c08ebcdf4f0",
    "c6/85/ba2c2b83ba8b95354f99ed8344405d9571109ce0175028876209d6b93fba/Django-5.1.3.tar.gz":
        "c0fa0e619c39325a169208caef234f90baa925227032ad3f44842ba14d75234a",
    "d3/e8/536555596dbb79f6e77418aeb40bdc1758c26725aba31919ba449e6d5e6a/Django-5.1.4.tar.gz":
        "de450c09e91879fa5a307f696e57c851955c910a438a35e6b4c895e86bedc82a",
    "e4/17/834e3e08d590dcc27d4cc3c5cd4e2fb757b7a92bab9de8ee402455732952/Django-5.1.5.tar.gz":
        "19bbca786df50b9eca23cee79d495facf55c8f5c54c529d9bf1fe7b5ea086af3",
    "6d/e4/901f54ee114a080371a49bd08fa688d301aaffd9751febaf4ae855fc8fcd/Django-5.1.6.tar.gz":
        "1e39eafdd1b185e761d9fab7a9f0b9fa00af1b37b25ad980a8aa0dac13535690",
    "5f/57/11186e493ddc5a5e92cc7924a6363f7d4c2b645f7d7cb04a26a63f9bfb8b/Django-5.1.7.tar.gz":
        "30de4ee43a98e5d3da36a9002f287ff400b43ca51791920bfb35f6917bfe041c",
}

NUMPY_TAGS = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64"
SDISTS_AT = "https://files.pythonhosted.org/packages/"
PIECE = 1 << 20

IMAGE_BYTES, IMAGE_STATES = 384 << 20, 5
# What a small server has; the image's first state is filled with it, up to a limit.
IMAGE_SOURCES = ["/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13", "/usr/share/perl",
                 "/usr/lib/x86_64-linux-gnu", "/usr/bin", "/usr/share/doc"]
IMAGE_CONTENT, IMAGE_FILE = 270_000_000, 30_000_000


class Unavailable(Exception):
    """A set cannot be had here; the text says why."""


@dataclasses.dataclass
class Series:
    """A set: what it is, and what its objects are called by tools that go by the ending of names."""

    letter: str
    what: str
    ending: str
    make: object

    def files(self, cache):
        """The files, oldest first; whatever is not in the cache is fetched or made."""
        directory = cache / self.letter
        directory.mkdir(parents=True, exist_ok=True)
        return self.make(cache, directory)


def wheels(package, pins, name):
    def make(_, directory):
        return [pinned(directory / name.format(version), pin, lambda to, v=version: pip(package, v, to))
                for version, pin in pins.items()]
    return make


def tarballs(_, directory):
    return [pinned(directory / f"typescript-{version}.tgz", pin, lambda to, v=version: npm(v, to))
            for version, pin in TYPESCRIPT.items()]


def sdists(_, directory):
    return [pinned(directory / place.rpartition("/")[2], pin, lambda to, p=place: download(SDISTS_AT + p, to))
            for place, pin in DJANGO_SDISTS.items()]


def unpacked(letter):
    """The files of another set without their gzip."""
    def make(cache, directory):
        files = []
        for packed in SETS[letter].files(cache):
            file = directory / (packed.name.removesuffix(".tgz").removesuffix(".tar.gz") + ".tar")
            if not file.exists():
                with gzip.open(packed) as source, whole(file) as target:
                    shutil.copyfileobj(source, target, PIECE)
            files.append(file)
        return files
    return make


def pinned(file, pin, fetch):
    """The file, fetched if it is not there; one with other content is never used."""
    if not file.exists():
        try:
            fetch(file)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"{file.name} cannot be fetched: {reason(error)}") from error
    if digest(file) != pin:
        raise Unavailable(f"{file} has another SHA-256 than the pinned one; delete it to have it fetched again")
    return file


def reason(error):
    said = (getattr(error, "stderr", None) or "").strip().splitlines()
    return said[-1] if said else str(error)


def digest(file):
    found = hashlib.sha256()
    with open(file, "rb") as content:
        while piece := content.read(PIECE):
            found.update(piece)
    return found.hexdigest()


class whole:
    """A file that appears under its name only when it is written to its end."""

    def __init__(self, file):
        self.file, self.partial = file, file.with_name(file.name + ".partial")

    def __enter__(self):
        self.stream = open(self.partial, "wb")
        return self.stream

    def __exit__(self, kind, *_):
        self.stream.close()
        if kind is None:
            self.partial.rename(self.file)
        else:
            self.partial.unlink()


def download(url, file):
    with urllib.request.urlopen(url, timeout=60) as source, whole(file) as target:
        shutil.copyfileobj(source, target, PIECE)


def pip(package, version, file):
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.12",
         "--implementation", "cp", "--abi", "cp312", "--platform", "manylinux2014_x86_64", "--dest", file.parent,
         f"{package}=={version}"])
    if not file.exists():
        lower = file.with_name(file.name.lower())
        if not lower.exists():
            raise OSError(f"pip brought {package} {version} under another name")
        lower.rename(file)


def npm(version, file):
    run(["npm", "pack", "--silent", "--pack-destination", file.parent, f"typescript@{version}"])


def run(command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def images(cache, directory):
    """States of an ext4 image whose packages are replaced in place, as upgrades do. No two machines make the same."""
    files = [directory / f"disk-{state}.img" for state in range(1, IMAGE_STATES + 1)]
    if all(file.exists() for file in files):
        return files
    for tool in ("mkfs.ext4", "debugfs"):
        if shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            raise Unavailable(f"{tool} is not installed (apt-get install e2fsprogs)")
    releases = list(zip(SETS["W"].files(cache), SETS["N"].files(cache)))
    with tempfile.TemporaryDirectory(prefix="casemate-image-", dir=directory) as scratch:
        make_images(pathlib.Path(scratch), releases, files)
    return files


def make_images(scratch, releases, files):
    image, root = scratch / "disk.img", scratch / "root"
    fill(root)
    installed = unzip(releases[0], root / "opt")
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    debug = {"check": True, "capture_output": True, "env": os.environ | {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}}
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", root, image], **debug)
    keep(image, files[0])
    for state, file in enumerate(files[1:], 1):
        new = scratch / f"release-{state}"
        unzip(releases[state], new)
        script = scratch / "commands"
        script.write_text("\n".join(upgrade(installed, new)) + "\n")
        subprocess.run(["debugfs", "-w", "-f", script, image], **debug)
        keep(image, file)
        installed = new


def keep(image, file):
    with open(image, "rb") as source, whole(file) as target:
        shutil.copyfileobj(source, target, PIECE)


def fill(root):
    total = 0
    for source in IMAGE_SOURCES:
        for file in sorted(pathlib.Path(source).rglob("*")):
            if file.is_symlink() or not file.is_file():
                continue
            size = file.stat().st_size
            if size > IMAGE_FILE or total + size > IMAGE_CONTENT:
                continue
            total += size
            target = root / str(file).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def unzip(archives, directory):
    for archive in archives:
        with zipfile.ZipFile(archive) as members:
            members.extractall(directory)
    return directory


def upgrade(old, new):
    """The commands of debugfs that take the old files away and write the new ones."""
    yield from (f"rm /opt/{name}" for name in names(old))
    folders = {str(parent) for name in names(new) for parent in pathlib.PurePath(name).parents if str(parent) != "."}
    yield from (f"mkdir /opt/{folder}" for folder in sorted(folders))
    yield from (f"write {new}/{name} /opt/{name}" for name in names(new))


def names(directory):
    return sorted(str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file())


SETS = {series.letter: series for series in [
    Series("W", "Django wheels", ".zip", wheels("Django", DJANGO_WHEELS, "Django-{}-py3-none-any.whl")),
    Series("N", "numpy wheels", ".zip", wheels("numpy", NUMPY_WHEELS, "numpy-{}-" + NUMPY_TAGS + ".whl")),
    Series("T", "TypeScript npm tarballs", ".tgz", tarballs),
    Series("S", "Django source tarballs", ".tar.gz", sdists),
    Series("ST", "S without gzip", ".tar", unpacked("S")),
    Series("TT", "T without gzip", ".tar", unpacked("T")),
    Series("I", "ext4 images", ".iso", images),
]}
