"""Builds the compiled kernel: every source of a model family once per instruction set, all in one library.

What is not in pyproject.toml stands here only because objects of one source differ in their flags. The extension is
optional: without a C++ compiler the package installs and computes with torch.
"""

from __future__ import annotations

import os
import platform
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("seqanomaly/kernel")
FINGERPRINT = runpy.run_path(str(FOLDER / "sources.py"))["fingerprint"](FOLDER)
HEADERS = sorted(str(path) for path in FOLDER.glob("*.h"))
FAMILIES = ["epoch", "recurrent", "tcn"]
"""Sources that are compiled for each instruction set, `NAME.cpp`."""
SETS = {"plain": [], "avx2": ["-mavx2", "-mfma"], "avx512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma"]}
"""Flags of the instruction sets of x86-64; elsewhere `plain` is what the compiler takes for granted."""
FLAGS = ["-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-exceptions", "-fno-rtti"]
FLAGS += ["-fvisibility=hidden", "-Wno-maybe-uninitialized", "-g0"]
"""Contraction is off so that a product and a sum are fused where the source says so, the same in every function."""


class Build(build_ext):
    """Compiles a family once per instruction set, with the set's name in its exported names."""

    def build_extension(self, ext: Extension) -> None:
        """Compile and link; a failure is a warning, as the extension is optional."""
        x86 = platform.machine().lower() in ("x86_64", "amd64")
        sets = SETS if x86 else {"plain": []}
        macros = [("SEQANOM_X86", "1")] if x86 else []
        objects = self._compile([ext.sources[0]], "common", [*macros, ("SEQANOM_SOURCES", f"{FINGERPRINT}u")], [])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            compiled = [
                pool.submit(self._compile, [source], name, [*macros, ("SEQANOM_SET", name)], flags)
                for source in ext.sources[1:]
                for name, flags in sets.items()
            ]
        objects += [path for done in compiled for path in done.result()]
        self.compiler.link_shared_object(objects, self.get_ext_fullpath(ext.name), target_lang="c++")

    def _compile(self, sources: list[str], place: str, macros: list[tuple[str, str]], flags: list[str]) -> list[str]:
        return self.compiler.compile(
            sources,
            output_dir=str(Path(self.build_temp) / place),
            macros=macros,
            depends=HEADERS,
            extra_postargs=[*FLAGS, *flags],
        )


setup(
    cmdclass={"build_ext": Build},
    ext_modules=[
        Extension(
            "seqanomaly.kernel._native",
            [str(FOLDER / "machine.cpp"), *(str(FOLDER / f"{name}.cpp") for name in FAMILIES)],
            depends=HEADERS,
            language="c++",
            optional=True,
        )
    ],
)
