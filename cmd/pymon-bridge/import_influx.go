package main

import (
	"context"
	"errors"
	"log/slog"
)

// importInfluxFlags are the flags of an import from InfluxDB.
type importInfluxFlags struct {
	FromInflux bool `group:"InfluxDB" help:"Bring back what a lost file delivered to InfluxDB."`
}

// fromInflux brings back what a lost file delivered to InfluxDB.
func (c *importCmd) fromInflux(context.Context, *Main, *slog.Logger) error {
	return errors.New("--from-influx: not made yet")
}
