package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
)

// profileFlags are for developers of the program. --help does not show them.
type profileFlags struct {
	CPUProfile string `name:"cpuprofile" hidden:"" help:"Write a CPU profile of the whole run to this file." placeholder:"FILE"`
}

// start begins the profile if the flag is set, and returns the function that ends it.
func (f profileFlags) start() (stop func() error, err error) {
	if f.CPUProfile == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(f.CPUProfile)
	if err != nil {
		return nil, fmt.Errorf("--cpuprofile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("--cpuprofile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}
