package main

import (
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// wheel is what a release takes from a wheel.
type wheel struct {
	version  string
	platform string // such as linux-amd64
	program  []byte
	notices  []byte // the licences of all modules in the program
	info     *buildinfo.BuildInfo
}

// name is the name of everything that belongs to the platform.
func (w *wheel) name() string { return "pymon-bridge-" + w.version + "-" + w.platform }

// readWheel reads a wheel of the project. Its program says for which platform it is.
func readWheel(path string) (w *wheel, err error) {
	parts := strings.Split(filepath.Base(path), "-")
	if len(parts) != 5 {
		return nil, errors.New("expected the name of a wheel")
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	w = &wheel{version: parts[1]}
	folder := "pymon_bridge-" + w.version
	if w.program, err = read(&archive.Reader, folder+".data/scripts/pymon-bridge"); err != nil {
		return nil, err
	}
	if w.notices, err = read(&archive.Reader, folder+".dist-info/licenses/THIRD-PARTY-LICENSES"); err != nil {
		return nil, err
	}
	if w.info, err = buildinfo.Read(bytes.NewReader(w.program)); err != nil {
		return nil, err
	}
	settings := map[string]string{}
	for _, s := range w.info.Settings {
		settings[s.Key] = s.Value
	}
	w.platform = settings["GOOS"] + "-" + settings["GOARCH"]
	return w, nil
}

// read returns a file of an archive.
func read(archive *zip.Reader, name string) ([]byte, error) {
	f, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f) // to its end, where the checksum is compared
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}
