package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/licensecheck"
	"github.com/package-url/packageurl-go"
)

// modules returns a list of the modules that are linked into a program and of the scripts for browsers in it, with their licences, in
// the format CycloneDX. The program itself says which modules these are, as `go version -m` does.
func modules(root string, w *wheel, date time.Time) ([]byte, error) {
	folders, err := download(root, w)
	if err != nil {
		return nil, err
	}
	bom := cyclonedx.NewBOM()
	program := component(cyclonedx.ComponentTypeApplication, packageurl.TypeGolang, "pymon-bridge", w.version, "MIT")
	program.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(w.program))}}
	bom.Metadata = &cyclonedx.Metadata{Timestamp: date.Format(time.RFC3339), Component: &program}
	all := []cyclonedx.Component{component(cyclonedx.ComponentTypeLibrary, packageurl.TypeGolang, "std", strings.TrimPrefix(w.info.GoVersion, "go"), "BSD-3-Clause")}
	for _, m := range w.info.Deps {
		licences, err := licencesIn(folders[m.Path])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		all = append(all, component(cyclonedx.ComponentTypeLibrary, packageurl.TypeGolang, m.Path, m.Version, licences...))
	}
	embedded, err := scripts(root)
	if err != nil {
		return nil, err
	}
	all = append(all, embedded...)
	refs := []string{}
	for _, c := range all {
		refs = append(refs, c.BOMRef)
	}
	bom.Components, bom.Dependencies = &all, &[]cyclonedx.Dependency{{Ref: program.BOMRef, Dependencies: &refs}}
	var text bytes.Buffer
	err = cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
	return text.Bytes(), err
}

// component describes a module or a script. Each of its licences holds for a part of it.
func component(kind cyclonedx.ComponentType, registry, path, version string, licences ...string) cyclonedx.Component {
	at := strings.LastIndexByte(path, '/')
	purl := packageurl.NewPackageURL(registry, path[:max(at, 0)], path[at+1:], version, nil, "").ToString()
	c := cyclonedx.Component{BOMRef: purl, Type: kind, Name: path, Version: version, PackageURL: purl, Licenses: &cyclonedx.Licenses{}}
	for _, id := range licences {
		*c.Licenses = append(*c.Licenses, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: id}})
	}
	return c
}

// fetched matches what tools/assets/assets.sh fetches: name, version, integrity, folder.
var fetched = regexp.MustCompile(`(?m)^fetch (\S+) (\S+) \S+ (\S+)`)

// scripts returns the scripts of others in the program, which no module names. Those below test/ are not in it.
func scripts(root string) (all []cyclonedx.Component, err error) {
	text, err := os.ReadFile(filepath.Join(root, "tools", "assets", "assets.sh"))
	if err != nil {
		return nil, err
	}
	for _, m := range fetched.FindAllStringSubmatch(string(text), -1) {
		name, version, folder := m[1], m[2], m[3]
		if strings.HasPrefix(folder, "test/") {
			continue
		}
		licences, err := licencesIn(filepath.Join(root, folder))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, component(cyclonedx.ComponentTypeLibrary, packageurl.TypeNPM, name, version, licences...))
	}
	return all, nil
}

// download returns the folders of the modules in a program. They are those that it was built from.
func download(root string, w *wheel) (folders map[string]string, err error) {
	folders = map[string]string{}
	if len(w.info.Deps) == 0 {
		return folders, nil
	}
	args := []string{"go", "mod", "download", "-json"}
	for _, m := range w.info.Deps {
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced: a release has modules as their authors published them", m.Path)
		}
		args = append(args, m.Path+"@"+m.Version)
	}
	out, err := output(root, args...)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return folders, nil
		} else if err != nil {
			return nil, err
		}
		folders[m.Path] = m.Dir
	}
}

// licenceFile matches the names of files that have a licence.
var licenceFile = regexp.MustCompile(`^(LICEN[CS]E|COPYING)`)

// licencesIn returns the SPDX names of the licences of a module, in the order of the alphabet.
func licencesIn(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		for _, match := range licensecheck.Scan(text).Match {
			names = append(names, match.ID)
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, fmt.Errorf("no known licence in %s", folder)
	}
	return names, nil
}
