"""Builds the program and puts it into the wheel. pyproject.toml names this file, and Hatchling runs it.

The Go variables GOOS and GOARCH choose the platform, by default that of this machine.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "./cmd/pymon-bridge"
# timetzdata embeds the time zones: the program converts the local times of clients, and a machine may have none. nomsgpack
# leaves out what the program does not use of its HTTP library, a sixth of its size.
TAGS = "-tags=timetzdata,nomsgpack"

# The platforms of wheels, by the names that Go has for them. The program needs no C library, so one wheel serves every
# Linux. Go 1.26 needs macOS 12.
PLATFORMS = {
    "linux/amd64": "manylinux2014_x86_64.musllinux_1_1_x86_64",
    "linux/arm64": "manylinux2014_aarch64.musllinux_1_1_aarch64",
    "darwin/amd64": "macosx_12_0_x86_64",
    "darwin/arm64": "macosx_12_0_arm64",
}


def output(*command):
    """Returns what a command prints. Its errors go to standard error."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout.strip()


def version():
    """Returns the version of the wheel.

    It is that of the program if the commit has its tag, such as v0.1.0, and no file differs from the commit. Else it is
    0.0.0.devN with the number of commits: pip prefers every release to it. It has no local part, which an index refuses.
    """
    program = re.search(r'const version = "(.+)"', (ROOT / PACKAGE / "version.go").read_text()).group(1)
    tags = output("git", "tag", "--points-at", "HEAD", "--list", "v[0-9]*").split()
    if tags and "v" + program not in tags:
        raise ValueError(f"the commit has the tag {' '.join(tags)}, but the program in version.go is {program}")
    if tags and not output("git", "status", "--porcelain"):
        return program
    return "0.0.0.dev" + output("git", "rev-list", "--count", "HEAD")


class Build(BuildHookInterface):
    def initialize(self, version, build_data):
        platform = "/".join(output("go", "env", "GOOS", "GOARCH").split())
        if platform not in PLATFORMS:
            raise ValueError(f"there is no wheel for {platform}, only for {', '.join(PLATFORMS)}")
        self.folder = tempfile.TemporaryDirectory()
        program, notices = Path(self.folder.name, "pymon-bridge"), Path(self.folder.name, "notices")
        # The oldest processors are the default of Go, but not of everybody's environment.
        os.environ.update(CGO_ENABLED="0", GOAMD64="v1", GOARM64="v8.0")
        output("go", "build", "-trimpath", "-buildvcs=true", TAGS, "-ldflags=-s -w", "-o", str(program), PACKAGE)
        notices.write_text(licences(), encoding="utf-8")

        build_data["tag"] = "py3-none-" + PLATFORMS[platform]
        build_data["pure_python"] = False
        build_data["shared_scripts"][str(program)] = "pymon-bridge"
        info = f"pymon_bridge-{self.metadata.version}.dist-info"
        build_data["force_include"][str(notices)] = f"{info}/licenses/THIRD-PARTY-LICENSES"

    def finalize(self, version, build_data, artifact_path):
        self.folder.cleanup()


def licences():
    """Returns the licences of all libraries and scripts in the program. They ask for it where the program is given on.

    Go's own licence is among them: golang.org/x/sys has the same one.
    """
    known = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}"
    modules = sorted(set(output("go", "list", "-deps", TAGS, "-f", known, PACKAGE).splitlines()) - {""})
    scripts = sorted([*ROOT.glob("web/static/vendor/*"), *ROOT.glob("wheel/licenses/*")])
    text = ""
    for name, folder in [m.split("\t") for m in modules] + [(s.name, s) for s in scripts]:
        files = [f for f in sorted(Path(folder).iterdir()) if re.search("LICEN[CS]E|COPYING|NOTICE", f.name) and f.is_file()]
        if not files:
            raise ValueError(f"{name} has no licence in {folder}")
        for file in files:
            text += f"{'=' * 80}\n{name}: {file.name}\n{'=' * 80}\n\n{file.read_text(encoding='utf-8')}\n"
    return text
