package e2e_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// wheelPython is the Python that `make wheels` uses.
func wheelPython(t *testing.T) string {
	t.Helper()
	python := filepath.Join(harness.Root(t), ".cache", "py", "wheels", "bin", "python")
	require.FileExists(t, python, "`make python` installs what builds wheels")
	return python
}

// command runs a command in a folder and returns its output. env has additions to the test's environment.
func command(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// must is command, and fails the test when the command fails.
func must(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	out, err := command(dir, env, args...)
	require.NoError(t, err, "%v\n%s", args, out)
	return out
}

// gitCommit commits everything in a folder.
func gitCommit(t *testing.T, dir string) {
	t.Helper()
	must(t, dir, nil, "git", "add", "--all")
	must(t, dir, nil, "git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "--allow-empty", "--message", "Change")
}

// wheelProject returns a git repository with one commit. It has everything that a release is made of, and the smallest of
// programs, so that builds for four platforms take seconds.
func wheelProject(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, path := range []string{"Makefile", "LICENSE", "README.md", ".gitignore", "pyproject.toml", "wheel/README.md", "wheel/hatch_build.py",
		"plugin/pymon_bridge.py", "deploy/systemd/pymon-bridge.service", "docs/operations.md", "tools/release/go.mod", "tools/release/go.sum", "tools/release/main.go",
		"tools/release/archive.go", "tools/release/modules.go", "tools/release/wheel.go", "tools/assets/assets.sh",
		"web/static/vendor/uplot/LICENSE", "wheel/licenses/swagger-ui-dist/LICENSE", "wheel/licenses/swagger-ui-dist/NOTICE"} {
		text, err := os.ReadFile(filepath.Join(harness.Root(t), path))
		require.NoError(t, err)
		writeFile(t, filepath.Join(dir, path), string(text))
	}
	writeFile(t, filepath.Join(dir, "go.mod"), "module pymon-bridge\n\ngo 1.26\n")
	writeFile(t, filepath.Join(dir, "cmd/pymon-bridge/version.go"), "package main\n\nconst version = \"0.1.0\"\n\nfunc main() { println(version) }\n")
	must(t, dir, nil, "git", "init", "--quiet")
	gitCommit(t, dir)
	linkTools(t, dir)
	return dir
}

// linkTools lets `make` find the Python that builds wheels.
func linkTools(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, ".cache", "py"), 0o700))
	wheels := filepath.Dir(filepath.Dir(wheelPython(t)))
	require.NoError(t, os.Symlink(wheels, filepath.Join(dir, ".cache", "py", "wheels")))
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// The wheels that `make wheels` makes, what their programs must be, and what an archive calls their platform.
var wheels = map[string]struct {
	linux elf.Machine
	macOS macho.Cpu
	name  string
}{
	"manylinux2014_x86_64.musllinux_1_1_x86_64":   {linux: elf.EM_X86_64, name: "linux-amd64"},
	"manylinux2014_aarch64.musllinux_1_1_aarch64": {linux: elf.EM_AARCH64, name: "linux-arm64"},
	"macosx_12_0_x86_64":                          {macOS: macho.CpuAmd64, name: "darwin-amd64"},
	"macosx_12_0_arm64":                           {macOS: macho.CpuArm64, name: "darwin-arm64"},
}

// makeRelease runs `make release`, which also checks the metadata of the wheels with twine. It returns the content of each file.
func makeRelease(t *testing.T, dir string, env ...string) map[string][]byte {
	t.Helper()
	must(t, dir, env, "make", "--old-file", ".cache/py/wheels/.installed", "release")
	files, err := filepath.Glob(filepath.Join(dir, "dist", "*"))
	require.NoError(t, err)
	built := map[string][]byte{}
	for _, file := range files {
		built[filepath.Base(file)], err = os.ReadFile(file)
		require.NoError(t, err)
	}
	return built
}

// The wheels differ in the program alone. Everything depends on the commit alone.
func TestMakeReleaseBuildsTheSameAgain(t *testing.T) {
	t.Parallel()
	dir := wheelProject(t)
	must(t, dir, nil, "git", "tag", "v0.1.0")
	built := makeRelease(t, dir)
	assert.Len(t, built, 3*len(wheels)+2, "wheels, archives and lists of modules; the source and the checksums")
	for tag, program := range wheels {
		name := "pymon_bridge-0.1.0-py3-none-" + tag + ".whl"
		require.Contains(t, built, name)
		files := unzip(t, built[name])
		info := "pymon_bridge-0.1.0.dist-info/"
		assert.Equal(t, "[pytest11]\npymon_bridge = pymon_bridge\n", string(files[info+"entry_points.txt"]))
		assert.Contains(t, string(files[info+"METADATA"]), "\nName: pymon-bridge\nVersion: 0.1.0\n")
		assert.Contains(t, string(files[info+"METADATA"]), "\nLicense-Expression: MIT\n")
		assert.Contains(t, string(files[info+"licenses/LICENSE"]), "MIT License")
		for _, words := range []string{"uplot: LICENSE", "Leon Sorokin", "swagger-ui-dist: LICENSE", "swagger-ui-dist: NOTICE", "SmartBear"} {
			assert.Contains(t, string(files[info+"licenses/THIRD-PARTY-LICENSES"]), words)
		}
		plugin, err := os.ReadFile(filepath.Join(dir, "plugin", "pymon_bridge.py"))
		require.NoError(t, err)
		assert.Equal(t, string(plugin), string(files["pymon_bridge.py"]))

		content := files["pymon_bridge-0.1.0.data/scripts/pymon-bridge"]
		binary := bytes.NewReader(content)
		if program.linux != 0 {
			assertStatic(t, binary, program.linux)
		} else {
			file, err := macho.NewFile(binary)
			require.NoError(t, err)
			assert.Equal(t, program.macOS, file.Cpu)
		}
		assertCommit(t, binary, must(t, dir, nil, "git", "rev-parse", "HEAD"))
		assertArchive(t, built, "pymon-bridge-0.1.0-"+program.name, content)
	}
	assert.Contains(t, untar(t, built["pymon-bridge-0.1.0-source.tar.gz"]), "pymon-bridge-0.1.0/wheel/hatch_build.py")
	must(t, filepath.Join(dir, "dist"), nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	assert.Equal(t, len(built)-1, bytes.Count(built["SHA256SUMS"], []byte("\n")))

	again := filepath.Join(t.TempDir(), "elsewhere")
	must(t, dir, nil, "sh", "-c", `umask 077 && git clone --quiet . "$0" && find "$0" -name .git -prune -o -exec touch -d 2001-02-03 {} +`, again)
	linkTools(t, again)
	rebuilt := makeRelease(t, again, "CGO_ENABLED=1", "GOAMD64=v3", "GOARM64=v8.1", "TZ=Asia/Tokyo", "LC_ALL=C")
	require.Equal(t, slices.Sorted(maps.Keys(built)), slices.Sorted(maps.Keys(rebuilt)))
	for name, content := range rebuilt {
		assert.True(t, bytes.Equal(built[name], content), "%s has other bytes when it is built again", name)
	}
}

// assertArchive asserts that an archive has the program of the wheel and what belongs to it, as everybody may read it.
func assertArchive(t *testing.T, built map[string][]byte, name string, program []byte) {
	t.Helper()
	require.Contains(t, built, name+".tar.gz")
	files := untar(t, built[name+".tar.gz"])
	require.ElementsMatch(t, []string{name + "/pymon-bridge", name + "/LICENSE", name + "/README.md", name + "/THIRD-PARTY-LICENSES",
		name + "/deploy/systemd/pymon-bridge.service", name + "/docs/operations.md"}, slices.Collect(maps.Keys(files)))
	for path, f := range files {
		if path == name+"/pymon-bridge" {
			assert.EqualValues(t, 0o755, f.Mode)
			assert.True(t, bytes.Equal(program, f.content), "the program of the wheel")
			continue
		}
		assert.EqualValues(t, 0o644, f.Mode, path)
	}
	var list struct {
		BOMFormat string
		Metadata  struct {
			Component struct {
				Name, Version string
				Hashes        []struct{ Content string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(built[name+".cdx.json"], &list))
	assert.Equal(t, "CycloneDX", list.BOMFormat)
	assert.Equal(t, "pymon-bridge 0.1.0", list.Metadata.Component.Name+" "+list.Metadata.Component.Version)
	require.Len(t, list.Metadata.Component.Hashes, 1)
	assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256(program)), list.Metadata.Component.Hashes[0].Content)
}

// archived is a file of an archive.
type archived struct {
	*tar.Header
	content []byte
}

// untar returns the files in a compressed archive, by their names.
func untar(t *testing.T, content []byte) map[string]archived {
	t.Helper()
	plain, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	files := map[string]archived{}
	for r := tar.NewReader(plain); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		files[header.Name] = archived{header, text}
	}
}

// unzip returns the content of the files in an archive, by their names.
func unzip(t *testing.T, content []byte) map[string][]byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, f := range archive.File {
		r, err := f.Open()
		require.NoError(t, err)
		files[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	return files
}

// machines are the platforms on which a program can be static.
var machines = map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}

// assertStatic asserts that a program for Linux needs no C library, and has no table of symbols.
func assertStatic(t *testing.T, binary io.ReaderAt, machine elf.Machine) {
	t.Helper()
	file, err := elf.NewFile(binary)
	require.NoError(t, err)
	assert.Equal(t, machine, file.Machine)
	for _, p := range file.Progs {
		assert.NotEqual(t, elf.PT_INTERP, p.Type, "the program needs a dynamic linker")
	}
	assert.Nil(t, file.Section(".symtab"))
	assert.Nil(t, file.Section(".debug_info"))
}

// assertCommit asserts that the program knows the commit it was built from.
func assertCommit(t *testing.T, binary io.ReaderAt, commit string) {
	t.Helper()
	info, err := buildinfo.Read(binary)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	assert.Equal(t, commit, settings["vcs.revision"])
	assert.Equal(t, "false", settings["vcs.modified"])
	assert.Equal(t, "true", settings["-trimpath"])
}

// A wheel has the version of the program only where it is the program of that tag.
func TestVersionsOfWheels(t *testing.T) {
	t.Parallel()
	dir := wheelProject(t)
	version := func() (string, error) { return command(dir, nil, wheelPython(t), "-m", "hatchling", "version") }
	assertVersion := func(want string) {
		t.Helper()
		got, err := version()
		require.NoError(t, err, got)
		assert.Equal(t, want, got)
	}
	assertVersion("0.0.0.dev1")
	gitCommit(t, dir)
	assertVersion("0.0.0.dev2")
	must(t, dir, nil, "git", "tag", "v0.1.0")
	assertVersion("0.1.0")
	writeFile(t, filepath.Join(dir, "cmd/pymon-bridge/more.go"), "package main\n")
	assertVersion("0.0.0.dev2")
	gitCommit(t, dir)
	assertVersion("0.0.0.dev3")
	must(t, dir, nil, "git", "tag", "v0.2.0")
	said, err := version()
	assert.Error(t, err)
	assert.Contains(t, said, "the commit has the tag v0.2.0, but the program in version.go is 0.1.0")
}

func TestOtherPlatformsHaveNoWheel(t *testing.T) {
	t.Parallel()
	said, err := command(wheelProject(t), []string{"GOOS=plan9", "GOARCH=amd64"}, wheelPython(t), "-m", "hatchling", "build", "-t", "wheel")
	assert.Error(t, err)
	assert.Contains(t, said, "there is no wheel for plan9/amd64, only for linux/amd64, linux/arm64, darwin/amd64, darwin/arm64")
}

// A user installs the wheel for this machine beside the newest pytest. The program serves, and pytest finds the plugin.
func TestAnInstalledWheelServesAndMeasures(t *testing.T) {
	t.Parallel()
	root, work := harness.Root(t), t.TempDir()
	must(t, root, nil, wheelPython(t), "-m", "hatchling", "build", "-t", "wheel", "-d", work)
	built, err := filepath.Glob(filepath.Join(work, "*.whl"))
	require.NoError(t, err)
	require.Len(t, built, 1)

	venv := filepath.Join(work, "venv")
	must(t, work, nil, wheelPython(t), "-m", "venv", "--without-pip", venv)
	python, program := filepath.Join(venv, "bin", "python"), filepath.Join(venv, "bin", "pymon-bridge")
	must(t, work, nil, wheelPython(t), "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check",
		"--constraint", filepath.Join(root, "test", "requirements-plugin92.txt"), built[0], "pytest")
	assert.Regexp(t, `^pymon-bridge \d+\.\d+\.\d+ \(`, must(t, work, nil, program, "version"))
	licences := must(t, work, nil, "sh", "-c", "cat venv/lib/python*/site-packages/pymon_bridge-*.dist-info/licenses/THIRD-PARTY-LICENSES")
	for _, library := range []string{"Copyright 2009 The Go Authors", "modernc.org/sqlite", "github.com/gin-gonic/gin"} {
		assert.Contains(t, licences, library)
	}

	if machine, ok := machines[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		file, err := os.Open(program)
		require.NoError(t, err)
		defer func() { assert.NoError(t, file.Close()) }()
		assertStatic(t, file, machine)
	}

	suite := filepath.Join(work, "suite")
	writeFile(t, filepath.Join(suite, "test_shop.py"), "def test_cart():\n    pass\n")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: program})
	run := harness.Pytest{Python: python, Suite: suite, Args: []string{"--remote-server", bridge.URL}}.Run(t)
	require.Equal(t, 0, run.ExitCode, run.Output())
	stored := harness.Stored(t, bridge.Data)
	require.Len(t, stored.Metrics, 1, run.Output())
	assert.Equal(t, "test_cart", stored.Metrics[0].Item)

	said := must(t, suite, nil, program, "run", "--data", filepath.Join(work, "kept"), "--", python, "-I", "-m", "pytest")
	assert.Contains(t, said, "1 passed")
	assert.Len(t, harness.Stored(t, filepath.Join(work, "kept")).Metrics, 1)
}
