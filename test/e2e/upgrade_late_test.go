package e2e_test

import (
	"database/sql"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"pymon-bridge/test/harness"
)

// makingWay starts an upgrade of a bridge, and returns when the new program only waits for the answer of a request, and a function
// that ends this request and waits for the new program.
func makingWay(t *testing.T, bridge *harness.Bridge) (end func()) {
	t.Helper()
	body := newMachine().contextJSON()
	conn, err := net.Dial("tcp", strings.TrimPrefix(bridge.URL, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /contexts/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:10])
	require.NoError(t, err)
	time.Sleep(time.Second) // a request that has only begun does not seem to take long
	bridge.Signal(syscall.SIGUSR2)
	logged(t, bridge, "another program takes the place of this one")
	return func() {
		t.Helper()
		_, err := io.WriteString(conn, string(body[10:]))
		require.NoError(t, err)
		_, err = io.ReadAll(conn)
		require.NoError(t, err)
		logged(t, bridge, "this program has taken the place of another")
	}
}

func logged(t *testing.T, bridge *harness.Bridge, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(bridge.Log(), text) }, time.Minute, time.Millisecond, text)
}

// What goes wrong when the program before ends does not keep the new program from serving.
func TestAnUpgradeGoesOnAfterAnErrorOfTheProgramBefore(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	end := makingWay(t, bridge)
	require.NoError(t, os.Remove(filepath.Join(bridge.Data, "pymon.db.lock")))
	end()
	logged(t, bridge, "was removed or replaced")
	newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
}

// Whoever got the lock between two programs would end the bridge, since neither could serve.
func TestNobodyGetsTheLockDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	bridge := harness.StartBridge(t, harness.BridgeConfig{})
	lock, err := os.Open(filepath.Join(bridge.Data, "pymon.db.lock"))
	require.NoError(t, err)
	defer lock.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				if !assert.ErrorIs(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
					return
				}
			}
		}
	}()
	for range 3 {
		bridge.Upgrade()
	}
	close(stop)
	<-stopped
	assert.Equal(t, 0, bridge.Stop().ExitCode())
	assert.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// A bridge that cannot write the answer to an upgrade does not carry it out again. It writes the answer when it can.
func TestAnUpgradeWhoseAnswerCannotBeWritten(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, own)})
	for _, c := range []struct{ program, logs, says string }{
		{"", "this program has taken the place of another", "has taken the place of"},
		{"#!/bin/sh\nexit 1\n", "no upgrade: the bridge goes on as it is", "no upgrade: "},
	} {
		if c.program != "" {
			replaceFile(t, own, c.program)
		}
		change(t, bridge.Data, `CREATE TRIGGER full BEFORE UPDATE ON commands WHEN new.kind = 'upgrade' BEGIN SELECT raise(ABORT, 'full'); END`)
		asked := make(chan harness.Result)
		go func() { asked <- harness.RunProgram(t, nil, "upgrade", "--data", bridge.Data) }()
		logged(t, bridge, "cannot say what became of an upgrade")
		logged(t, bridge, c.logs)
		for range 3 { // each answer is given before the bridge looks for the upgrade
			assert.Contains(t, harness.RunProgram(t, nil, "status", "--data", bridge.Data).Stdout, bridge.URL)
		}
		assert.Equal(t, 1, strings.Count(bridge.Log(), c.logs))
		change(t, bridge.Data, "DROP TRIGGER full")
		answer := <-asked
		assert.Contains(t, answer.Stdout+answer.Stderr, c.says)
	}
}

// change changes the file beside the bridge.
func change(t *testing.T, data, statement string) {
	t.Helper()
	file, err := sql.Open("sqlite", filepath.Join(data, "pymon.db")+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	_, err = file.Exec(statement)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// A client that never ends its request delays an upgrade for as long as it delays a stop. The others wait at its end only.
func TestASlowClientDelaysAnUpgradeOnce(t *testing.T) {
	t.Parallel()
	const stopAfter = 4 * time.Second
	bridge := harness.StartBridge(t, harness.BridgeConfig{Args: []string{"--stop-after", stopAfter.String()}})
	makingWay(t, bridge)
	logged(t, bridge, "this program has taken the place of another")
	said := regexp.MustCompile(`"clients_waited_at_most":(\d+)`).FindStringSubmatch(bridge.Log())
	require.NotNil(t, said)
	waited, err := strconv.ParseInt(said[1], 10, 64)
	require.NoError(t, err)
	assert.Less(t, time.Duration(waited), stopAfter)
}

// A program that changes after it was asked is asked again. It gets the place only if it can serve.
func TestAProgramThatChangesDuringAnUpgradeIsAskedAgain(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "pymon-bridge")
	bridge := harness.StartBridge(t, harness.BridgeConfig{Program: copyProgram(t, own)})
	end := makingWay(t, bridge)
	replaceFile(t, own, "#!/bin/sh\necho 'pymon-bridge: --page-size: expected less' >&2\nexit 1\n")
	end()
	logged(t, bridge, "no upgrade: the program before is back, because the new one cannot serve")
	assert.Contains(t, bridge.Log(), "cannot serve: --page-size: expected less")
	newPoster(bridge.URL).mustPost(t, "/contexts/", newMachine().contextJSON())
}

// The program is the one that the bridge was started with, also where its name leads to another one now. A port file that cannot be
// written any more ends no serving bridge.
func TestAnUpgradeOfABridgeStartedByItsName(t *testing.T) {
	t.Parallel()
	first, second, ports := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "ports")
	require.NoError(t, os.Mkdir(ports, 0o700))
	copyProgram(t, filepath.Join(second, "pymon-bridge"))
	cmd := exec.Command(filepath.Join(second, "pymon-bridge"), "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--log-format", "json",
		"--port-file", filepath.Join(ports, "url"))
	cmd.Args[0] = "pymon-bridge"
	cmd.Env = append(harness.PlainEnvironment(), "PATH="+first+":"+second)
	bridge := harness.StartProcess(t, cmd)
	says := func(text string, times int) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Count(bridge.Output(), text) == times }, time.Minute, time.Millisecond, text)
	}
	says(`"msg":"serving"`, 1)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(ports, "url")); return err == nil }, time.Minute, time.Millisecond)
	replaceFile(t, filepath.Join(first, "pymon-bridge"), "#!/bin/sh\nexit 1\n")
	require.NoError(t, os.RemoveAll(ports))
	for upgrade := range 2 { // the second by a program that was started by another
		bridge.Signal(syscall.SIGUSR2)
		says("--port-file: ", upgrade+1)
		says(`"msg":"serving"`, upgrade+2)
	}
	assert.NotContains(t, bridge.Output(), "no upgrade")
	assert.Equal(t, 0, bridge.Stop().ExitCode())
}
