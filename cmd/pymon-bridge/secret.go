package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// secretFromFile takes a flag tagged `secret` from the file that its environment variable plus "_FILE" names, as
// container platforms mount secrets. One line end at the end of the file does not count.
func secretFromFile(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has("secret") {
		return nil, nil
	}
	for _, env := range flag.Envs {
		path := os.Getenv(env + "_FILE")
		if path == "" {
			continue
		}
		if os.Getenv(env) != "" {
			return nil, fmt.Errorf("%s and %s_FILE are both set: unset one", env, env)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%s_FILE: %w", env, err)
		}
		return strings.TrimRight(string(content), "\r\n"), nil
	}
	return nil, nil
}
