package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"pymon-bridge/regress"
)

// newDetector returns the detector with the settings of a file, "" for the defaults, and how many earlier runs it has use
// for. The file holds a JSON object with the settings to change, by the names of [regress.Settings].
func newDetector(file string) (d *regress.Detector, runs int, err error) {
	settings := regress.Defaults()
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, fmt.Errorf("--judge-settings: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(content))
		d.DisallowUnknownFields()
		err = d.Decode(&settings)
		if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
			err = errors.New("expected one JSON object and nothing behind it")
		}
		if err != nil {
			return nil, 0, fmt.Errorf("--judge-settings: %s: %w", file, err)
		}
	}
	if d, err = regress.New(settings); err != nil {
		return nil, 0, fmt.Errorf("--judge-settings: %s: %w", file, err)
	}
	// Those of a level that is not settled yet are no baseline.
	return d, settings.BaselineRuns + settings.HoldRuns, nil
}
