// Command pymon-bridge accepts the measurements of pytest-monitor, keeps them, and delivers them to InfluxDB v2.
//
// `pymon-bridge --help` lists the commands. Without a command it serves.
//
// # Files
//
//   - cli.go parses the command line, and help.go prints the help. Each command has a file of its name with its flags; newtoken.go
//     has those that make tokens. valuefile.go and values.go read values of flags.
//   - serve.go serves. bridge.go opens and closes the parts of a serving bridge, and each part has a file: journal.go the local file
//     and the committer, delivery.go the destination and the courier, judging.go the detector and the worker, commands.go what
//     operators ask for, deletion.go and retention.go what goes from the file, server.go the routes. reload.go reads files again.
//   - upgrade.go lets another program take the place of a serving bridge: all that is decided about that is there. handover.go is what
//     the two programs ask, leave and tell each other. It knows nothing of what the bridge does meanwhile.
//   - run.go is the command run. run_env.go makes the environment of the tests, run_child.go runs the command and passes signals
//     on, and run_end.go is what happens afterwards: run_ask.go asks for the summary, run_deliver.go waits for InfluxDB.
//     run_bridge.go starts the bridge of run, which is run_serve.go. run_seat.go and run_place.go are the locks by which
//     several run share it.
//   - import.go is the command import. import_files.go reads files, import_sort.go finds the projects and zones of their records, and
//     import_data.go and import_to.go store them in a data directory or send them to a bridge.
//   - import_influx.go is the command import with --from-influx: import_restore.go stores points as records, import_origins.go
//     looks up what they belong to, and import_result.go says what came back.
//   - operate.go has what the commands on a data directory share, and await.go waits until a bridge has carried one out.
//   - client.go asks a bridge, and patience.go asks again. ask.go finds the bridge whose measurements runs.go, top.go, show.go and
//     open.go show. advice.go asks for the tests behind a report.
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
	m := &Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(m.Run(ctx, os.Args[1:]))
}
