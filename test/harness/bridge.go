package harness

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// BridgeConfig says how to start a bridge. The zero value is one on a free port, with a data folder of its own and no
// InfluxDB.
type BridgeConfig struct {
	Data       string  // the data folder; a temporary one when empty
	Influx     *Influx // where to deliver; nowhere when nil
	Token      string  // of InfluxDB; the Influx' own when empty
	Bucket     string  // of metrics; needed with an Influx
	MetaBucket string  // of contexts and sessions; needed with an Influx
	Args       []string
	Env        []string // additions to the test's own environment
	Wrap       []string // a command in front of the program, which becomes it, as nsenter does
	// HandOver makes the test hold the listening socket and hand it to the bridge, as service managers do: a client
	// that connects while the bridge restarts waits, and notices nothing.
	HandOver bool
	// Password is a token of the bridge, with which the harness asks for its metrics where it wants one.
	Password string
	RootCAs  *x509.CertPool // of a bridge that serves TLS
}

// Bridge is the built program as a process. It fails the test when it panics or has a data race.
type Bridge struct {
	URL  string // such as "http://127.0.0.1:20123"; it stays the same over restarts
	Data string

	tb       testing.TB
	cfg      BridgeConfig
	work     string // log and port file
	port     int
	listener *os.File // to hand over; nil otherwise
	proc     *process
}

// StartBridge builds the program once per test binary, starts it and returns when it accepts requests. The
// environment variable PYMON_BRIDGE_BIN names a binary to take instead. The package's TestMain must call [Main].
func StartBridge(tb testing.TB, cfg BridgeConfig) *Bridge {
	tb.Helper()
	b := &Bridge{tb: tb, cfg: cfg, Data: cfg.Data, work: tb.TempDir()}
	if b.Data == "" {
		b.Data = filepath.Join(b.work, "data")
	}
	if err := b.takePort(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.finish)
	b.URL = b.start()
	return b
}

// Start starts a bridge that was stopped or killed, on the same port and data. Other goroutines may use its URL
// meanwhile.
func (b *Bridge) Start() {
	b.tb.Helper()
	if url := b.start(); url != b.URL {
		b.tb.Fatalf("the bridge came back at %s, and was at %s before", url, b.URL)
	}
}

func (b *Bridge) start() (url string) {
	b.tb.Helper()
	if err := os.RemoveAll(b.portFile()); err != nil {
		b.tb.Fatal(err)
	}
	cmd, err := b.command()
	if err != nil {
		b.tb.Fatal(err)
	}
	if b.proc, err = startProcess(cmd, filepath.Join(b.work, "bridge.log")); err != nil {
		b.tb.Fatal(err)
	}
	err = poll(startWithin, b.proc.done, func() error {
		text, err := os.ReadFile(b.portFile())
		url = strings.TrimSpace(string(text))
		return err
	})
	if err != nil {
		b.tb.Fatalf("the bridge does not accept: %v\n%s", err, b.proc.tail())
	}
	return url
}

// Stop asks the bridge to end and returns how it ended.
func (b *Bridge) Stop() *os.ProcessState {
	b.tb.Helper()
	state, err := b.proc.stop(stopWithin)
	if err != nil {
		b.tb.Fatalf("%v\n%s", err, b.proc.tail())
	}
	return state
}

// Kill ends the bridge as kill -9 does.
func (b *Bridge) Kill() { b.proc.kill() }

// Restart stops the bridge in an orderly way and starts it again.
func (b *Bridge) Restart() {
	b.tb.Helper()
	b.Stop()
	b.Start()
}

// Log returns everything that the bridge has printed, over all restarts.
func (b *Bridge) Log() string { return b.proc.output() }

// PID returns the process id.
func (b *Bridge) PID() int { return b.proc.cmd.Process.Pid }

// takePort chooses where to listen, or listens there itself to hand the socket over.
func (b *Bridge) takePort() (err error) {
	if !b.cfg.HandOver {
		b.port, err = freePort()
		return err
	}
	// Listening again on a port found to be free can fail: a child that another test is starting has the socket too
	// for a moment.
	l, err := listenAnywhere()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // the copy stays open
	b.port = l.Addr().(*net.TCPAddr).Port
	b.listener, err = l.(*net.TCPListener).File()
	return err
}

func (b *Bridge) portFile() string { return filepath.Join(b.work, "url") }

func (b *Bridge) command() (*exec.Cmd, error) {
	bin, err := bridgeBinary()
	if err != nil {
		return nil, err
	}
	args := append([]string{"--listen", fmt.Sprintf("127.0.0.1:%d", b.port), "--data", b.Data,
		"--port-file", b.portFile(), "--log-format", "json"}, b.cfg.Args...)
	args = append(append(slices.Clone(b.cfg.Wrap), bin), args...)
	cmd := exec.Command(args[0], args[1:]...)
	// By default the race detector makes a program that ends wait for a second.
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=0 atexit_sleep_ms=50")
	if i := b.cfg.Influx; i != nil {
		token := b.cfg.Token
		if token == "" {
			token = i.Token
		}
		cmd.Env = append(cmd.Env, "INFLUX_URL="+i.URL, "INFLUX_ORG="+i.Org, "INFLUX_TOKEN="+token,
			"INFLUX_BUCKET="+b.cfg.Bucket, "PYMON_META_BUCKET="+b.cfg.MetaBucket)
	}
	if b.listener != nil {
		handOver(cmd, b.listener)
	}
	cmd.Env = append(cmd.Env, b.cfg.Env...)
	return cmd, nil
}

// handOver makes cmd inherit the socket by the protocol of systemd, which wants the child's process id: only a shell
// in between knows that before the program runs.
func handOver(cmd *exec.Cmd, socket *os.File) {
	cmd.Args = append([]string{"sh", "-c", `export LISTEN_PID=$$; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	cmd.ExtraFiles = []*os.File{socket}
}

// finish ends the bridge with its test.
func (b *Bridge) finish() {
	if b.listener != nil {
		_ = b.listener.Close() // only a copy
	}
	if b.proc == nil {
		return
	}
	b.proc.kill()
	log := b.proc.output()
	for _, sign := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
		if n := strings.Index(log, sign); n >= 0 {
			b.tb.Errorf("the bridge's log has a %q:\n%.4000s", sign, log[n:])
		}
	}
	if b.tb.Failed() {
		b.tb.Logf("the bridge's last lines:\n%s", b.proc.tail())
	}
}
