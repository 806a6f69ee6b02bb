package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"pymon-bridge/influx/setup"
)

type influxCmd struct {
	Setup influxSetupCmd `cmd:"" help:"Prepare InfluxDB: buckets, tokens, alerts and tasks. You can repeat the command. It never deletes anything."`
}

type influxSetupCmd struct {
	influxFlags
	DailyBucket string   `group:"InfluxDB" help:"Bucket of the daily rollup. It has no expiry." default:"pytest_daily" env:"PYMON_DAILY_BUCKET"`
	Retention   *keptAge `group:"InfluxDB" help:"How long InfluxDB keeps the measurements, such as 90d; 0 for ever. Without this flag, an existing bucket keeps its retention." placeholder:"DURATION" env:"PYMON_RETENTION"`
	RollupDays  int      `group:"InfluxDB" help:"Number of past days that the rollup computes again each night." default:"4" env:"PYMON_ROLLUP_DAYS"`

	CheckEvery  time.Duration `group:"Alerts" help:"How often InfluxDB makes statuses from verdicts." default:"1m" env:"PYMON_CHECK_EVERY"`
	CheckWindow time.Duration `group:"Alerts" help:"How long after the start of a run its verdicts may arrive." default:"144h" env:"PYMON_CHECK_WINDOW"`
	NotifyURL   string        `group:"Alerts" name:"notify-url" help:"Send each notification to this address, as a POST with JSON." placeholder:"URL" env:"PYMON_NOTIFY_URL" file:""`
	Fallback    bool          `group:"Alerts" help:"Also judge tests in InfluxDB, for results that no bridge judges." env:"PYMON_FALLBACK"`

	BridgeTokenFile  string `group:"Tokens" help:"Write the bridge's new token to this file with mode 0600, and do not print it." placeholder:"FILE" env:"PYMON_BRIDGE_TOKEN_FILE"`
	GrafanaTokenFile string `group:"Tokens" help:"Write Grafana's new token to this file with mode 0600, and do not print it." placeholder:"FILE" env:"PYMON_GRAFANA_TOKEN_FILE"`
	Print            bool   `help:"Print the steps, and the programs of checks and tasks, but change nothing."`
}

func (*influxSetupCmd) Help() string {
	return `
    pymon-bridge influx setup --print                      # show the steps, change nothing
    pymon-bridge influx setup --influx-url http://localhost:8086 --influx-org shop`
}

func (c *influxSetupCmd) Validate() error {
	if c.URL == "" {
		return errors.New("--influx-url: expected the address of the InfluxDB to prepare")
	}
	if c.DailyBucket == "" {
		return errors.New("--daily-bucket: expected the name of a bucket")
	}
	if _, ok := webAddress(c.NotifyURL); c.NotifyURL != "" && !ok { // it may hold a secret, so the error does not show it
		return errors.New("--notify-url: expected an address such as https://host.example.org/path")
	}
	return c.influxFlags.validate()
}

// Run prepares InfluxDB and prints a line for each step.
func (c *influxSetupCmd) Run(ctx context.Context, m *Main) error {
	out := &setupPrinter{w: m.Stdout, programs: c.Print, files: map[setup.Purpose]string{
		setup.ForBridge: c.BridgeTokenFile, setup.ForGrafana: c.GrafanaTokenFile}}
	s, err := setup.New(setup.Config{
		URL: c.URL, Token: c.Token, Org: c.Org, Bucket: c.Bucket, MetaBucket: c.MetaBucket, DailyBucket: c.DailyBucket,
		Retention: (*time.Duration)(c.Retention), RollupDays: c.RollupDays, CheckEvery: c.CheckEvery, CheckWindow: c.CheckWindow,
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

type setupPrinter struct {
	w        io.Writer
	programs bool                     // print the programs of checks and tasks
	files    map[setup.Purpose]string // file for each token; "" to print the token
	changes  int
	err      error // errors of writing the files
}

// step prints one step. It prints a new token when its file cannot be written, because InfluxDB shows a token only once.
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
			if at, err := filepath.Abs(path); err == nil && s.Purpose == setup.ForBridge {
				fmt.Fprintf(p.w, "%-10s   for the bridge: INFLUX_TOKEN_FILE=%s\n", "", at)
			}
			return
		}
		p.err = errors.Join(p.err, fmt.Errorf("the token for %s could not be written, so it was printed: %w", s.Purpose, err))
	}
	fmt.Fprintf(p.w, "%-10s   shown only now, for %s: INFLUX_TOKEN=%s\n", "", map[setup.Purpose]string{
		setup.ForBridge: "the bridge", setup.ForGrafana: "the variables of Grafana's server"}[s.Purpose], s.Token)
	if s.Purpose == setup.ForGrafana {
		fmt.Fprintf(p.w, "%-10s   in .env of docker compose its name is GRAFANA_INFLUX_TOKEN; in a data source made by hand it is the field Token\n", "")
	}
}
