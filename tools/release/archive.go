package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// file is a file of an archive.
type file struct {
	name       string
	content    []byte
	executable bool
}

// writeArchive writes files into an archive, below a folder. Their order, owner, mode and date do not depend on the machine.
func writeArchive(path, folder string, files []file, date time.Time) error {
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		mode := int64(0o644)
		if f.executable {
			mode = 0o755
		}
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: folder + "/" + f.name, Size: int64(len(f.content)), Mode: mode, ModTime: date,
			Format: tar.FormatUSTAR})
		if err != nil {
			return err
		}
		if _, err := w.Write(f.content); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return writeCompressed(path, content.Bytes())
}

// writeSource writes an archive of all files of the commit. The container image is built from it.
func writeSource(root, dist, name string) error {
	content, err := output(root, "git", "-c", "tar.umask=0022", "archive", "--format=tar", "--prefix="+name+"/", "HEAD")
	if err != nil {
		return err
	}
	return writeCompressed(filepath.Join(dist, name+"-source.tar.gz"), content)
}

// writeCompressed writes a file with gzip, whose header has neither name nor date.
func writeCompressed(path string, content []byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Close()
}

// writeChecksums writes SHA256SUMS, in the form that `sha256sum --check` reads.
func writeChecksums(dist string) error {
	entries, err := os.ReadDir(dist) // in the order of their names
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dist, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), e.Name())
	}
	return os.WriteFile(filepath.Join(dist, "SHA256SUMS"), sums.Bytes(), 0o644) // #nosec G306 -- it is to be published
}
