// Command pymon-bridge receives what pytest-monitor measures, keeps it, and delivers it to InfluxDB v2.
//
// `pymon-bridge --help` lists the commands; without one it serves.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a graceful stop; a second one ends the process as usual.
	context.AfterFunc(ctx, stop)
	os.Exit(NewMain().Run(ctx, os.Args[1:]))
}
