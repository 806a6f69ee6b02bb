package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"pymon-bridge/influx/setup"
)

type influxCmd struct {
	Setup influxSetupCmd `cmd:"" help:"Prepare InfluxDB: buckets, tokens, alerts and tasks. Can be repeated; never deletes anything."`
}

// influxSetupCmd is the configuration of the preparation of an InfluxDB.
type influxSetupCmd struct {
	influxFlags
	DailyBucket string         `group:"InfluxDB" help:"Bucket of the daily rollup, kept for ever." default:"pytest_daily" env:"PYMON_DAILY_BUCKET"`
	Retention   *time.Duration `group:"InfluxDB" help:"How long the bucket of the measurements keeps them, such as 2160h for 90 days; 0 for ever. Without it a bucket that is there stays as it is." placeholder:"DURATION" env:"PYMON_RETENTION"`
	RollupDays  int            `group:"InfluxDB" help:"How many of the last days the rollup computes anew each night." default:"4" env:"PYMON_ROLLUP_DAYS"`

	CheckEvery  time.Duration `group:"Alerts" help:"How often verdicts are made into statuses." default:"1m" env:"PYMON_CHECK_EVERY"`
	CheckWindow time.Duration `group:"Alerts" help:"How long after the start of its run a verdict may arrive." default:"144h" env:"PYMON_CHECK_WINDOW"`
	NotifyURL   string        `group:"Alerts" name:"notify-url" help:"Send each piece of news to this address: a POST with JSON." placeholder:"URL" env:"PYMON_NOTIFY_URL" secret:""`
	Fallback    bool          `group:"Alerts" help:"Also judge tests within InfluxDB, for results that no bridge judges." env:"PYMON_FALLBACK"`

	BridgeTokenFile  string `group:"Tokens" help:"Write the bridge's new token to this file, mode 0600, instead of printing it." placeholder:"FILE" env:"PYMON_BRIDGE_TOKEN_FILE"`
	GrafanaTokenFile string `group:"Tokens" help:"Write Grafana's new token to this file, mode 0600, instead of printing it." placeholder:"FILE" env:"PYMON_GRAFANA_TOKEN_FILE"`
	Print            bool   `help:"Show what would be done, with the programs of checks and tasks, and do nothing."`
}

// Validate is called by the parser.
func (c *influxSetupCmd) Validate() error {
	if c.URL == "" {
		return errors.New("--influx-url: expected the address of the InfluxDB to prepare")
	}
	if c.DailyBucket == "" {
		return errors.New("--daily-bucket: expected the name of a bucket")
	}
	return c.influxFlags.validate()
}

// Run prepares InfluxDB and prints a line for each thing that it needs.
func (c *influxSetupCmd) Run(ctx context.Context, m *Main) error {
	out := &setupPrinter{w: m.Stdout, programs: c.Print, files: map[setup.Purpose]string{
		setup.ForBridge: c.BridgeTokenFile, setup.ForGrafana: c.GrafanaTokenFile}}
	s, err := setup.New(setup.Config{
		URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket, DailyBucket: c.DailyBucket,
		Retention: c.Retention, RollupDays: c.RollupDays, CheckEvery: c.CheckEvery, CheckWindow: c.CheckWindow,
		NotifyURL: c.NotifyURL, Fallback: c.Fallback,
	}, out.step)
	if err != nil {
		return err
	}
	if c.Print {
		err = s.Print(ctx)
	} else {
		err = s.Apply(ctx)
	}
	if err = errors.Join(err, out.err); err != nil {
		return err
	}
	switch {
	case out.changes == 0:
		_, err = fmt.Fprintln(m.Stdout, "\nNothing to do: everything is as it should be.")
	case c.Print:
		_, err = fmt.Fprintln(m.Stdout, "\nNothing was done.")
	}
	return err
}

// setupPrinter tells a person what was done.
type setupPrinter struct {
	w        io.Writer
	programs bool                     // show those of checks and tasks
	files    map[setup.Purpose]string // where a token goes; "" to print it
	changes  int
	err      error // what could not be written
}

// step prints one step. A new token whose file cannot be written is printed, since nobody can see it again.
func (p *setupPrinter) step(s setup.Step) {
	if s.State != setup.Current {
		p.changes++
	}
	fmt.Fprintf(p.w, "%-10s %s\n", s.State, s.What)
	if s.Note != "" {
		fmt.Fprintf(p.w, "%-10s   %s\n", "", s.Note)
	}
	if p.programs && s.Flux != "" {
		fmt.Fprintf(p.w, "\n%s\n", s.Flux)
	}
	if s.Token == "" {
		return
	}
	path := p.files[s.Purpose]
	if path != "" {
		err := writeFile(path, s.Token+"\n")
		if err == nil {
			fmt.Fprintf(p.w, "%-10s   written to %s\n", "", path)
			return
		}
		p.err = errors.Join(p.err, fmt.Errorf("the token for %s could not be written, so it was printed: %w", s.Purpose, err))
	}
	fmt.Fprintf(p.w, "%-10s   shown only now: %s\n", "", s.Token)
}
