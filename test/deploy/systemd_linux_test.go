package deploy_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// options are the settings of a unit, by section and name. A name can come several times.
type options map[string][]string

// readUnit reads a file of deploy/systemd as systemd does.
func readUnit(t *testing.T, name string) options {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "deploy", "systemd", name))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	all, err := unit.DeserializeOptions(f)
	require.NoError(t, err)
	o := options{}
	for _, one := range all {
		o[one.Section+"."+one.Name] = append(o[one.Section+"."+one.Name], one.Value)
	}
	return o
}

// one returns the only value of a setting.
func (o options) one(t *testing.T, name string) string {
	t.Helper()
	require.Len(t, o[name], 1, name)
	return o[name][0]
}

// installed returns a root folder with the units and the program, as docs/operations.md installs them.
func installed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	units := filepath.Join(dir, "etc/systemd/system")
	require.NoError(t, os.MkdirAll(filepath.Join(units, "pymon-bridge.service.d"), 0o755))
	for from, to := range map[string]string{"pymon-bridge.service": "pymon-bridge.service", "pymon-bridge.socket": "pymon-bridge.socket",
		"influxdb.conf": "pymon-bridge.service.d/influxdb.conf"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy/systemd", from))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(units, to), text, 0o644))
	}
	return dir
}

// TestSystemdKnowsTheUnits: systemd warns of a setting that it does not know, and goes on without it.
func TestSystemdKnowsTheUnits(t *testing.T) {
	dir := filepath.Join(installed(t), "etc/systemd/system")
	service := filepath.Join(dir, "pymon-bridge.service")
	text, err := os.ReadFile(service)
	require.NoError(t, err)
	text = []byte(strings.ReplaceAll(string(text), "/usr/local/bin/pymon-bridge", programFlags(t).program))
	require.NoError(t, os.WriteFile(service, text, 0o644))
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", service, filepath.Join(dir, "pymon-bridge.socket")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line := range strings.Lines(string(out)) { // others are about units of this machine
		assert.NotContains(t, line, "pymon-bridge.")
	}
}

// TestTheServiceIsHardened: systemd counts the exposure from 0 to 10, and each version a little differently. docs/operations.md states
// what it is with one of them.
func TestTheServiceIsHardened(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", "--root="+installed(t), // tenths
		"pymon-bridge.service").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "Overall exposure level for pymon-bridge.service: ")
}

// TestTheUnitsFitTheProgram checks what systemd cannot know.
func TestTheUnitsFitTheProgram(t *testing.T) {
	service, socket, known := readUnit(t, "pymon-bridge.service"), readUnit(t, "pymon-bridge.socket"), programFlags(t)
	socket.one(t, "Socket.ListenStream")
	for name := range socket {
		if strings.HasPrefix(name, "Socket.Listen") {
			assert.Equal(t, "Socket.ListenStream", name, "the bridge serves on one socket")
		}
	}
	assert.Equal(t, "notify", service.one(t, "Service.Type"))
	assert.Equal(t, "infinity", service.one(t, "Service.TimeoutStartSec"))
	assert.Equal(t, "+/bin/kill -HUP $MAINPID", service.one(t, "Service.ExecReload"))
	assert.Greater(t, duration(t, service.one(t, "Service.TimeoutStopSec")), duration(t, known.defaults["stop-after"]))
	assert.Greater(t, number(t, service.one(t, "Service.LimitNOFILE")), 2*number(t, known.defaults["max-connections"])+1024)
	assert.Equal(t, "2G", service.one(t, "Service.MemoryMax"), "above memoryLimit in cmd/pymon-bridge/runtime.go")

	command := strings.Fields(service.one(t, "Service.ExecStart"))
	assert.Equal(t, filepath.Dir(command[0]), service.one(t, "Service.ExecPaths"), "an upgrade replaces the file: its folder has to be executable")
	assert.NotContains(t, service, "Service.DynamicUser", "the file keeps its owner, and commands can run as this user")
	assert.Contains(t, readSysusers(t), "u "+service.one(t, "Service.User")+" ")
	state := "/var/lib/" + service.one(t, "Service.StateDirectory")
	at := slices.Index(command, "--data")
	require.Positive(t, at)
	assert.Equal(t, state, strings.ReplaceAll(command[at+1], "%S", "/var/lib"))

	command[at+1] = t.TempDir()
	check := exec.Command(known.program, append(command[1:], "--check")...)
	check.Env = append(os.Environ(), environment(t, known)...)
	out, err := check.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "can serve")
}

// TestTheServiceCanExecuteTheProgram: the service executes nothing outside the folder of the program, and so no loader of libraries
// either. A static program needs none.
func TestTheServiceCanExecuteTheProgram(t *testing.T) {
	program, err := elf.Open(programFlags(t).program)
	require.NoError(t, err)
	defer func() { assert.NoError(t, program.Close()) }()
	assert.Equal(t, "/", readUnit(t, "pymon-bridge.service").one(t, "Service.NoExecPaths"))
	for _, part := range program.Progs {
		assert.NotEqual(t, elf.PT_INTERP, part.Type)
	}
}

// environment returns the variables of the drop-in with the InfluxDB, and a file with the token.
func environment(t *testing.T, known flags) (env []string) {
	t.Helper()
	dropIn, credentials := readUnit(t, "influxdb.conf"), t.TempDir()
	name, _, _ := strings.Cut(dropIn.one(t, "Service.LoadCredential"), ":")
	require.NoError(t, os.WriteFile(filepath.Join(credentials, name), []byte("secret\n"), 0o600))
	for _, variable := range dropIn["Service.Environment"] {
		key, _, _ := strings.Cut(variable, "=")
		assert.True(t, known.reads(key), key)
		env = append(env, strings.ReplaceAll(variable, "%d", credentials))
	}
	require.Len(t, env, 3)
	return env
}

func readSysusers(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/systemd/pymon-bridge.sysusers.conf"))
	require.NoError(t, err)
	return string(text)
}
