"""Builds the extension; everything else about the package stands in pyproject.toml."""

import os
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

GIL_DISABLED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

if sys.platform == "win32":
    sys.exit("pykv needs Linux or macOS: Windows lacks the file operations that it is built on.")
if sys.maxsize < 2**32:
    sys.exit("pykv needs a 64-bit Python: lengths and offsets of files are held in 64 bits.")
if GIL_DISABLED and sys.version_info < (3, 14):
    sys.exit("pykv needs CPython 3.14 or later where it is free-threaded: 3.13t is not supported.")


class BuildInParallel(build_ext):
    """Compiles the files of an extension side by side, and only those that are out of date.

    Objects stay in build/extension. One is out of date when its source or any header is newer, or
    when the flags are not those it was built with.
    """

    def finalize_options(self):
        """Keep the objects where the next build finds them."""
        super().finalize_options()
        flavor = os.environ.get("PYKV_SANITIZE", "release")
        self.build_temp = str(Path("build", "extension", flavor))

    def build_extension(self, ext):
        """Compile by compile_all."""
        one_by_one = self.compiler.compile
        self.compiler.compile = partial(self.compile_all, one_by_one, ext)
        super().build_extension(ext)
        self.compiler.compile = one_by_one

    def compile_all(self, one_by_one, ext, sources, *, output_dir, **options):
        """What CCompiler.compile does with a list of sources; returns the names of the objects."""
        compiler = self.compiler
        objects = compiler.object_filenames(sources, output_dir=output_dir)
        flags = repr((compiler.compiler_so, sorted(options.items())))
        stamp = Path(output_dir, "flags.txt")
        if not stamp.exists() or stamp.read_text() != flags:
            for each in objects:
                Path(each).unlink(missing_ok=True)
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(flags)
        headers = max(Path(each).stat().st_mtime_ns for each in ext.depends)
        stale = [
            source
            for source, made in zip(sources, map(Path, objects), strict=True)
            if not made.exists()
            or made.stat().st_mtime_ns <= max(headers, Path(source).stat().st_mtime_ns)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda each: one_by_one([each], output_dir, **options), stale))
        return objects


setup(
    cffi_modules=["src/pykv/_native/build_core.py:ffibuilder"],
    cmdclass={"build_ext": BuildInParallel},
    options={} if GIL_DISABLED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
