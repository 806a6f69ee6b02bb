package harness_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/test/harness"
)

// fakeBridge is an environment variable. With it this test binary is a fake bridge.
const fakeBridge = "HARNESS_FAKE_BRIDGE"

// TestMain runs the tests, or the fake bridge.
func TestMain(m *testing.M) {
	if os.Getenv(fakeBridge) != "" {
		if err := serveFake(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(harness.Main(m))
}

// serveFake does what the harness expects of a bridge. Its journal depth starts at three records and falls with each
// request.
func serveFake() error {
	flags := flag.NewFlagSet("bridge", flag.ContinueOnError)
	listen, portFile := flags.String("listen", "", ""), flags.String("port-file", "", "")
	flags.String("data", "", "")
	flags.String("log-format", "", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	l, err := fakeListener(*listen)
	if err != nil {
		return err
	}
	var asked atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/-/metrics", func(w http.ResponseWriter, _ *http.Request) {
		left := max(0, 3-asked.Add(1))
		_, _ = fmt.Fprintf(w, "# HELP x y\npymon_bridge_journal_depth{a=\"b c\"} %d\npymon_bridge_journal_depth 0\n", left)
	})
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, os.Getpid()) })
	server := http.Server{Handler: mux}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	fmt.Println("serving for", os.Getenv("INFLUX_BUCKET"))
	if err := os.WriteFile(*portFile+".new", []byte("http://"+l.Addr().String()+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Rename(*portFile+".new", *portFile); err != nil { // atomic, like the real program
		return err
	}
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func fakeListener(address string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") == "1" {
		return net.FileListener(os.NewFile(3, "socket"))
	}
	return net.Listen("tcp", address)
}

func startFake(t *testing.T, cfg harness.BridgeConfig) *harness.Bridge {
	t.Helper()
	t.Setenv("PYMON_BRIDGE_BIN", os.Args[0])
	cfg.Env = append(cfg.Env, fakeBridge+"=1")
	return harness.StartBridge(t, cfg)
}

func TestBridgeKeepsItsAddressOverRestarts(t *testing.T) {
	bridge := startFake(t, harness.BridgeConfig{Influx: &harness.Influx{}, Bucket: "pytest"})
	url, first := bridge.URL, bridge.PID()
	bridge.WaitReady()
	bridge.Kill()
	_, err := net.DialTimeout("tcp", url[len("http://"):], time.Second)
	require.Error(t, err, "the bridge still listens")
	bridge.Start()
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	bridge.Start()
	assert.Equal(t, url, bridge.URL)
	assert.NotEqual(t, first, bridge.PID())
	assert.Equal(t, "serving for pytest\nserving for pytest\nserving for pytest\n", bridge.Log())
}

func TestBridgeMetricsAreReadBySeries(t *testing.T) {
	bridge := startFake(t, harness.BridgeConfig{})
	assert.Equal(t, harness.Metrics{`pymon_bridge_journal_depth{a="b c"}`: 2, "pymon_bridge_journal_depth": 0}, bridge.Metrics())
	bridge.WaitDelivered()
	sum, ok := bridge.Metrics().Sum("pymon_bridge_journal_depth")
	assert.Zero(t, sum)
	assert.True(t, ok)
	_, ok = bridge.Metrics().Sum("pymon_bridge_journal")
	assert.False(t, ok)
}

// A client connects while no bridge serves.
func TestHandedOverSocketKeepsClientsWaiting(t *testing.T) {
	bridge := startFake(t, harness.BridgeConfig{HandOver: true})
	bridge.Kill()
	answered := make(chan int)
	go func() {
		resp, err := http.Get(bridge.URL + "/-/metrics")
		if !assert.NoError(t, err) {
			close(answered)
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	bridge.Start()
	assert.Equal(t, http.StatusOK, <-answered)
}
