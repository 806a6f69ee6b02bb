// Command pymon-bridge accepts the measurements of pytest-monitor, keeps them, and delivers them to InfluxDB v2.
//
// `pymon-bridge --help` lists the commands. Without a command it serves.
//
// # Files
//
//   - cli.go parses the command line, and help.go prints the help. serve.go, check.go, influx.go, token.go, newtoken.go, grafana.go, healthcheck.go and
//     version.go are the commands, each with its flags.
//   - bridge.go opens and closes the parts of a serving bridge. Each part has a file: journal.go the local file and the
//     committer, delivery.go the destination and the courier, judging.go the detector and the worker, server.go the routes.
//   - run.go is the command run. run_env.go makes the environment of the tests, run_child.go runs the command and passes signals
//     on, and run_end.go is what happens afterwards: run_ask.go asks for the summary, run_deliver.go waits for InfluxDB.
//     run_bridge.go starts the bridge of run, which is run_serve.go. run_seat.go and run_place.go are the locks by which
//     several run share it.
//   - import_influx.go is the command import with --from-influx: import_restore.go stores points as records, import_origins.go
//     looks up what they belong to, and import_result.go says what came back. moment.go reads times of flags.
//   - upgrade.go lets another program take the place of a serving bridge: serve_check.go is how that says whether it can serve, and
//     handover.go what it inherits.
//   - listen.go, banner.go, notify.go and profile.go help serve.go. valuefile.go, bytesize.go and addressrange.go read values of flags.
//     reload.go reads files again. writefile.go writes files. client.go asks a bridge, and patience.go lets
//     check.go ask again. confirm.go asks a person.
//   - runs.go, top.go, show.go and open.go are the commands that look at measurements, and ask.go finds the bridge that has them.
//     advice.go asks for the tests behind a report. completion.go answers shells.
//   - colour.go, spinner.go, progress.go and peoplelog.go know what a terminal shows.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a graceful stop. The second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(NewMain().Run(ctx, os.Args[1:]))
}
