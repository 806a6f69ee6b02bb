// Command release makes the files of a release from the wheels in the folder dist of a repository: an archive of the program and a
// list of its modules for each platform, an archive of the source, and checksums of everything.
//
// The programs are those of the wheels, byte for byte, so that only wheel/hatch_build.py knows how a program is built. The files
// follow from the commit and the wheels alone: not from the folder, the day or the user.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "expected one argument: the folder of the repository")
		os.Exit(2)
	}
	if err := release(os.Args[1], filepath.Join(os.Args[1], "dist")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release adds the files of a release to the folder dist. root is the repository.
func release(root, dist string) error {
	wheels, err := filepath.Glob(filepath.Join(dist, "*.whl"))
	if err != nil {
		return err
	}
	if len(wheels) == 0 {
		return fmt.Errorf("%s has no wheels: use `make release`", dist)
	}
	committed, err := commitTime(root)
	if err != nil {
		return err
	}
	var version string
	for _, name := range wheels {
		w, err := readWheel(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		version = w.version
		if err := writePlatform(root, dist, w, committed); err != nil {
			return fmt.Errorf("%s: %w", w.name(), err)
		}
	}
	if err := writeSource(root, dist, "pymon-bridge-"+version); err != nil {
		return err
	}
	return writeChecksums(dist)
}

// writePlatform writes what a release has for one platform.
func writePlatform(root, dist string, w *wheel, committed time.Time) error {
	files := []file{{"pymon-bridge", w.program, true}, {"THIRD-PARTY-LICENSES", w.notices, false}}
	tracked, err := output(root, "git", "ls-files", "LICENSE", "README.md", "CHANGELOG.md", "deploy", "docs")
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(tracked)) {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		files = append(files, file{name, content, false})
	}
	if err := writeArchive(filepath.Join(dist, w.name()+".tar.gz"), w.name(), files, committed); err != nil {
		return err
	}
	list, err := modules(root, w, committed)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, w.name()+".cdx.json"), list, 0o644) // #nosec G306 -- it is to be published
}

// commitTime returns the time of the commit, or that of SOURCE_DATE_EPOCH.
func commitTime(root string) (time.Time, error) {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		out, err := output(root, "git", "log", "-1", "--format=%ct")
		if err != nil {
			return time.Time{}, err
		}
		seconds = strings.TrimSpace(string(out))
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: expected seconds since 1970, got %q", seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}

// output returns what a command prints. Its error has what the command says.
func output(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}
