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

// BridgeConfig says how to start a bridge. The zero value starts a bridge on a free port, with a new data directory and
// without an InfluxDB.
type BridgeConfig struct {
	Program    string   // program to run; the one that [StartBridge] builds when empty
	Data       string   // data directory; a temporary one when empty
	Influx     *Influx  // destination; none when nil
	Token      string   // token for InfluxDB; that of Influx when empty
	Bucket     string   // bucket of metrics; needed with Influx
	MetaBucket string   // bucket of contexts and sessions; needed with Influx
	Args       []string // more flags of the program
	Env        []string // additions to the test's environment
	Wrap       []string // a command that runs the program in its own process, such as nsenter
	// HandOver makes the test hold the listening socket and hand it to the bridge, like a service manager. A client that
	// connects while the bridge restarts waits and notices nothing.
	HandOver bool
	// Password is a token of the bridge. The harness sends it when it asks for the bridge's metrics.
	Password string
	RootCAs  *x509.CertPool // authorities for a bridge that serves TLS
}

// Bridge is the built program as a process. The test fails when the bridge panics or has a data race.
type Bridge struct {
	URL  string // such as "http://127.0.0.1:20123"; a restart does not change it
	Data string // data directory

	tb       testing.TB
	cfg      BridgeConfig
	work     string // folder of the log and the port file
	port     int
	listener *os.File // socket to hand over, or nil
	proc     *process
}

// StartBridge starts the program and returns when it accepts requests. It builds the program once per test binary, with the
// race detector if the tests have it, unless the environment variable PYMON_BRIDGE_BIN names a binary. The package's TestMain
// must call [Main].
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

// Start starts a stopped or killed bridge again, on the same port and data. Other goroutines may use its URL meanwhile.
func (b *Bridge) Start() {
	b.tb.Helper()
	if url := b.start(); url != b.URL {
		b.tb.Fatalf("the bridge now has the address %s, but had %s before", url, b.URL)
	}
}

// TryStart does the same as [Bridge.Start], and says whether the bridge accepts requests. Otherwise it has ended.
func (b *Bridge) TryStart() bool {
	b.tb.Helper()
	_, err := b.launch()
	if err != nil {
		b.proc.kill()
	}
	return err == nil
}

func (b *Bridge) start() (url string) {
	b.tb.Helper()
	url, err := b.launch()
	if err != nil {
		b.tb.Fatalf("the bridge does not accept requests: %v\n%s", err, b.proc.tail())
	}
	return url
}

// launch starts the program and waits until it accepts requests.
func (b *Bridge) launch() (url string, err error) {
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
	return url, err
}

// Stop asks the bridge to end, and returns its final state.
func (b *Bridge) Stop() *os.ProcessState {
	b.tb.Helper()
	state, err := b.proc.stop(stopWithin)
	if err != nil {
		b.tb.Fatalf("%v\n%s", err, b.proc.tail())
	}
	return state
}

// Kill ends the bridge like kill -9.
func (b *Bridge) Kill() { b.proc.kill() }

// Restart stops the bridge gracefully and starts it again.
func (b *Bridge) Restart() {
	b.tb.Helper()
	b.Stop()
	b.Start()
}

// Log returns the whole output of the bridge, restarts included.
func (b *Bridge) Log() string { return b.proc.output() }

// PID returns the process id.
func (b *Bridge) PID() int { return b.proc.cmd.Process.Pid }

// takePort chooses a free port, or listens on one to hand over the socket.
func (b *Bridge) takePort() (err error) {
	if !b.cfg.HandOver {
		b.port, err = freePort()
		return err
	}
	// Listening again on a free port can fail: for a moment, a child that another test is starting has the socket too.
	l, err := listenAnywhere()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // the copy in b.listener stays open
	b.port = l.Addr().(*net.TCPAddr).Port
	b.listener, err = l.(*net.TCPListener).File()
	return err
}

func (b *Bridge) portFile() string { return filepath.Join(b.work, "url") }

func (b *Bridge) command() (*exec.Cmd, error) {
	bin := b.cfg.Program
	if bin == "" {
		var err error
		if bin, err = binary(true); err != nil {
			return nil, err
		}
	}
	args := append([]string{"--listen", fmt.Sprintf("127.0.0.1:%d", b.port), "--data", b.Data,
		"--port-file", b.portFile(), "--log-format", "json"}, b.cfg.Args...)
	args = append(append(slices.Clone(b.cfg.Wrap), bin), args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = os.Environ()
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

// handOver makes cmd inherit the socket by systemd's protocol. The protocol needs the process id of the child. Only a
// shell in the same process knows this id before the program runs.
func handOver(cmd *exec.Cmd, socket *os.File) {
	cmd.Args = append([]string{"sh", "-c", `export LISTEN_PID=$$; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	cmd.ExtraFiles = []*os.File{socket}
}

// finish ends the bridge at the end of its test, and fails the test for a panic or a data race.
func (b *Bridge) finish() {
	if b.listener != nil {
		_ = b.listener.Close()
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
