package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// maxValue is the largest file with a value, in bytes.
const maxValue = 64 << 10

// valueFile is a file with the value of a flag.
type valueFile struct {
	variable string // names the file, such as "INFLUX_TOKEN_FILE"
	path     string
	value    string // the last value that was used
}

// valueFiles has the files that gave values to flags, by the name of the flag. It is a [kong.Resolver].
type valueFiles map[string]valueFile

// Validate implements [kong.Resolver].
func (valueFiles) Validate(*kong.Application) error { return nil }

// Resolve reads the value of a flag with the tag `file` from a file. The flag's environment variable plus "_FILE" names the
// file, because container platforms mount secrets as files. The parser does not call it for a flag on the command line.
func (f valueFiles) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has("file") {
		return nil, nil
	}
	for _, env := range flag.Envs {
		from := valueFile{variable: env + "_FILE", path: os.Getenv(env + "_FILE")}
		if from.path == "" {
			continue
		}
		if os.Getenv(env) != "" {
			return nil, fmt.Errorf("%s and %s: expected only one of them", env, from.variable)
		}
		value, err := readValue(from.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", from.variable, err)
		}
		from.value = value
		f[flag.Name] = from
		return value, nil
	}
	return nil, nil
}

// readValue reads the value in a file. Spaces and line ends around it do not count.
func readValue(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // nothing was written
	content, err := io.ReadAll(io.LimitReader(f, maxValue+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxValue {
		return "", fmt.Errorf("%s: expected at most %d bytes", path, maxValue)
	}
	return strings.TrimSpace(string(content)), nil
}
