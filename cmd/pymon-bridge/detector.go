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

// newDetector returns the detector, and its settings: the defaults, changed by a file where one is named. The file holds a
// JSON object with the settings to change, by the names of [regress.Settings].
func newDetector(file string) (*regress.Detector, *regress.Settings, error) {
	settings := regress.Defaults()
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, fmt.Errorf("--judge-settings: %w", err)
		}
		d := json.NewDecoder(bytes.NewReader(content))
		d.DisallowUnknownFields()
		err = d.Decode(&settings)
		if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
			err = errors.New("expected one JSON object and nothing behind it")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("--judge-settings: %s: %w", file, err)
		}
	}
	d, err := regress.New(settings)
	if err != nil {
		return nil, nil, fmt.Errorf("--judge-settings: %s: %w", file, err)
	}
	return d, &settings, nil
}
