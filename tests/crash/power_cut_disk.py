"""A disk whose power can be cut: an ext4 file system in an image, mounted through a loop device.

The cut is the ioctl by which ext4 is shut down at once: the pages and the journal that the kernel
has not written yet never reach the image. Everything happens in a mount namespace of this process,
so that no mount outlives it, whatever ends it. Needs root, Linux, and the tools of e2fsprogs.
"""

import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
from pathlib import Path

IMAGE_BYTES = 256 << 20
EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
CLONE_NEWNS = 0x00020000
PR_SET_PDEATHSIG = 1
SYNC_FILE_RANGE_WRITE = 2
# The flags of the cut: 0 first writes back everything, as if only processes had died; 1 writes the
# journal and drops the pages; 2 drops both.
CUT_FLAGS = [0, 1, 1, 2, 2, 2, 2, 2, 2, 2]
# With data=writeback the journal says nothing of the data: a file may have its new size without
# its new bytes. A commit each second writes the journal in the middle of the workload.
MOUNT_OPTIONS = ["", "commit=1", "data=writeback", "data=writeback,commit=1", "nodelalloc"]
TOOLS = ("mount", "umount", "mkfs.ext4", "e2fsck", "cp")
LIBC = ctypes.CDLL(None, use_errno=True)


class CannotRunError(Exception):
    """This machine does not let us mount an image; the text says what is missing."""


def run(*command: object) -> None:
    """Runs a command. CannotRunError with what it said where it fails."""
    parts = [str(each) for each in command]
    done = subprocess.run(parts, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = f"{done.stdout}{done.stderr}".strip()
        raise CannotRunError(f"{' '.join(parts)} ended with {done.returncode}: {said}")


def enter_namespace() -> None:
    """Gives this process mounts of its own. CannotRunError where that cannot be."""
    # A plain user's path may lack these.
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotRunError(f"no {', '.join(missing)}: install mount and e2fsprogs")
    if os.geteuid() != 0:
        raise CannotRunError("only root may mount an image: run it as root")
    if not Path("/dev/loop-control").exists():
        raise CannotRunError("no loop devices here: there is no /dev/loop-control")
    if LIBC.unshare(CLONE_NEWNS) != 0:
        code = ctypes.get_errno()
        raise CannotRunError(f"no mount namespace of our own: {os.strerror(code)}")
    run("mount", "--make-rprivate", "/")


def die_with_parent() -> None:
    """Has the kernel end this child as soon as its parent is no more."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Disk:
    """An image in a folder, and the place where it is mounted. For one thread."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir(parents=True)

    def format(self) -> None:
        """Makes a fresh file system, in place of the one before."""
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", self.image)

    def mount(self, options: str = "") -> None:
        """Mounts the image, which replays its journal."""
        all_options = f"loop,{options}" if options else "loop"
        run("mount", "-t", "ext4", "-o", all_options, self.image, self.place)

    def cut(self, flag: int) -> None:
        """Cuts the power."""
        root = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(root, EXT4_IOC_SHUTDOWN, struct.pack("I", flag))
        finally:
            os.close(root)

    def unmount(self) -> None:
        """Unmounts the image if it is mounted; its loop device goes with it."""
        if self.place.is_mount():
            run("umount", self.place)

    def check(self) -> None:
        """Says by CannotRunError that the file system itself is damaged; it must be unmounted."""
        run("e2fsck", "-fn", self.image)

    def save(self, copy: Path) -> None:
        """Copies the image, holes left out."""
        run("cp", "--sparse=always", self.image, copy)

    def close(self) -> None:
        """Unmounts, by force where something still uses it, and removes the folder."""
        try:
            self.unmount()
        except CannotRunError:
            run("umount", "--lazy", self.place)
        shutil.rmtree(self.image.parent)

    def write_back_some(self, rng: random.Random) -> None:
        """Has the kernel write some dirty pages of some file now, as it may at any time; now and
        then the journal with everything."""
        if rng.random() < 0.05:
            self._on(self.place, "syncfs")
            return
        files = [path for path in self.place.rglob("*") if path.is_file()]
        for path in rng.sample(files, min(2, len(files))):
            start = ctypes.c_int64(rng.randrange(1 << 20) & -4096)
            length = ctypes.c_int64(4096 * rng.randrange(1, 65))
            self._on(path, "sync_file_range", start, length, SYNC_FILE_RANGE_WRITE)

    @staticmethod
    def _on(path: Path, call: str, *arguments: object) -> None:
        """Makes a call of the C library on a file, if that is still there."""
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDONLY)
            try:
                getattr(LIBC, call)(fd, *arguments)
            finally:
                os.close(fd)
