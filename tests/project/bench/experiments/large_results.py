"""Records a challenge with large core results, and does what nobody can do without to write and hash as much."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys

from answering import STORE, answer
from peak import Peak

from gaitmap_results import BaseChallenge, recorded_run

N_CHUNKS = int(sys.argv[2])
# Chunks overlap, so that they differ without a generator that would be slower than the disk.
CHUNK_BYTES = 1_000_000
NOISE = memoryview(os.urandom(CHUNK_BYTES + 4096))


def write_chunks(path):
    """Write the core results, a chunk at a time."""
    with open(path, "wb", buffering=0) as file:
        for number in range(N_CHUNKS):
            start = number * 37 % 4096
            file.write(NOISE[start : start + CHUNK_BYTES])


class LargeChallenge(BaseChallenge):
    """Writes one large file."""

    VERSION = "1.0.0"

    def run(self, optimizer):
        """Do nothing."""
        with self._measure_time():
            self.optimizer = optimizer
        return self

    def save_core_results(self, folder_path):
        """Write the file."""
        write_chunks(folder_path / "recordings.bin")

    @classmethod
    def load_core_results(cls, folder_path):
        return None


def block():
    """Record one run, and return by how much the memory grew meanwhile."""
    with Peak() as peak, recorded_run("entry", path=STORE, debug_run=False) as recorder:
        LargeChallenge().run(None)
    assert not recorder.metadata_["is_debug_run"]
    return peak.growth


def write():
    """Write as much, through to the disk, and return the file."""
    folder = STORE / "floor"
    folder.mkdir()
    path = folder / "recordings.bin"
    write_chunks(path)
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
    if os.name != "nt":
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return path


def sha256sum():
    """Write as much and hash it with the program."""
    subprocess.run(["sha256sum", write()], check=True, stdout=subprocess.DEVNULL)


def hashlib_sha256():
    """Write as much and hash it with Python, whose library may use instructions that the program does not."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with open(write(), "rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])


def clean():
    """Delete everything, and wait until the disk has nothing more to do."""
    for folder in STORE.iterdir():
        shutil.rmtree(folder)
    if hasattr(os, "sync"):
        os.sync()


if __name__ == "__main__":
    answer(block=block, sha256sum=sha256sum, hashlib_sha256=hashlib_sha256, clean=clean)
