package compose_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is the root folder of the repository.
const root = "../.."

// load reads docker-compose.yml as `docker compose` does. The environment has only the variables in env.
func load(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithEnv(env), cli.WithConsistency(true))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)
	return project
}

func TestServicesHaveHealthChecksAndDependencies(t *testing.T) {
	project := load(t)
	assert.ElementsMatch(t, []string{"bridge", "influxdb", "grafana"}, project.ServiceNames())
	influx := project.Services["influxdb"]
	assert.Regexp(t, `^influxdb:2\.7\.\d+-alpine$`, influx.Image)
	assert.Equal(t, []string{"CMD", "influx", "ping"}, []string(influx.HealthCheck.Test[:3]))
	assert.Contains(t, project.Services["grafana"].HealthCheck.Test[len(project.Services["grafana"].HealthCheck.Test)-1], "/api/health")
	bridge := project.Services["bridge"]
	assert.Equal(t, []string{"CMD", "/pymon-bridge", "healthcheck"}, []string(bridge.HealthCheck.Test))
	require.NotNil(t, bridge.Build)
	assert.FileExists(t, filepath.Join(bridge.Build.Context, bridge.Build.Dockerfile))
	assert.Equal(t, types.ServiceConditionHealthy, project.Services["grafana"].DependsOn["influxdb"].Condition)
	assert.Equal(t, types.ServiceConditionStarted, bridge.DependsOn["influxdb"].Condition, "the bridge must accept records while InfluxDB is away")
}

// TestEveryServiceIsHardened checks that each service has few rights, has a health check, and restarts after a crash.
func TestEveryServiceIsHardened(t *testing.T) {
	for name, s := range load(t).Services {
		t.Run(name, func(t *testing.T) {
			assert.Regexp(t, `^[1-9]\d*:\d+$`, s.User, "a numeric user that is not root")
			assert.True(t, s.ReadOnly)
			assert.Equal(t, []string{"ALL"}, s.CapDrop)
			assert.Empty(t, s.CapAdd)
			assert.False(t, s.Privileged)
			assert.Contains(t, s.SecurityOpt, "no-new-privileges:true")
			assert.Equal(t, "unless-stopped", s.Restart)
			require.NotNil(t, s.HealthCheck)
			assert.NotNil(t, s.HealthCheck.Interval)
			assert.NotNil(t, s.HealthCheck.Timeout)
			assert.NotNil(t, s.HealthCheck.StartPeriod)
			assert.False(t, s.HealthCheck.Disable)
			assert.Equal(t, "10m", s.Logging.Options["max-size"])
		})
	}
}

// TestImagesArePinned: with a tag such as "latest", the image can change without notice.
func TestImagesArePinned(t *testing.T) {
	for name, s := range load(t).Services {
		if s.Build != nil {
			continue
		}
		assert.Regexp(t, `:\d+\.\d+\.\d+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`, s.Image, name)
	}
}

// TestPortsAreOnLoopbackOnly: the secrets of the trial are public, and the bridge requires no token. So only this machine
// may reach the ports.
func TestPortsAreOnLoopbackOnly(t *testing.T) {
	want := map[string][2]string{"bridge": {"8080", "8080"}, "influxdb": {"8086", "8086"}, "grafana": {"3000", "3000"}}
	for name, s := range load(t).Services {
		require.Len(t, s.Ports, 1, name)
		assert.Equal(t, "127.0.0.1", s.Ports[0].HostIP, name)
		assert.Equal(t, want[name], [2]string{s.Ports[0].Published, strconv.Itoa(int(s.Ports[0].Target))}, name)
		assert.Empty(t, s.NetworkMode, name)
	}
}

// TestServicesWriteToNamedVolumes checks that the data of a service are in a named volume. It also checks that our files
// exist and are mounted read-only.
func TestServicesWriteToNamedVolumes(t *testing.T) {
	project := load(t)
	writes := map[string][]string{"bridge": {"/data"}, "influxdb": {"/var/lib/influxdb2", "/etc/influxdb2"}, "grafana": {"/var/lib/grafana"}}
	used := map[string]bool{}
	for name, s := range project.Services {
		var written []string
		for _, m := range s.Volumes {
			switch m.Type {
			case types.VolumeTypeVolume:
				assert.Contains(t, project.Volumes, m.Source)
				assert.False(t, used[m.Source], "two services use %s", m.Source)
				used[m.Source] = true
				written = append(written, m.Target)
			case types.VolumeTypeBind:
				assert.True(t, m.ReadOnly, m.Source)
				entries, err := os.ReadDir(m.Source)
				require.NoError(t, err)
				assert.NotEmpty(t, entries, m.Source)
			}
		}
		assert.ElementsMatch(t, writes[name], written, name)
	}
	assert.Len(t, used, len(project.Volumes), "a volume without a service")
}

// TestDashboardsAreMountedWhereGrafanaLooks checks that the volume of the dashboards is at the path in dashboards.yaml.
func TestDashboardsAreMountedWhereGrafanaLooks(t *testing.T) {
	provider, err := os.ReadFile(filepath.Join(root, "grafana/provisioning/dashboards/dashboards.yaml"))
	require.NoError(t, err)
	folder := regexp.MustCompile(`(?m)^\s+path: (\S+)$`).FindSubmatch(provider)
	require.NotNil(t, folder)
	grafana := load(t).Services["grafana"]
	home := *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	for _, m := range grafana.Volumes {
		if m.Target == string(folder[1]) {
			assert.FileExists(t, filepath.Join(m.Source, strings.TrimPrefix(home, m.Target)), "the home dashboard")
			return
		}
	}
	assert.Fail(t, "no volume at "+string(folder[1]))
}

// TestServicesUseTheSameInfluxDBSettings checks the organisation, the bucket and the token, by default and with values
// from .env.
func TestServicesUseTheSameInfluxDBSettings(t *testing.T) {
	own := []string{"INFLUX_ORG=acme", "INFLUX_BUCKET=tests", "INFLUX_TOKEN=secret"}
	for _, env := range [][]string{nil, own} {
		services := load(t, env...).Services
		for variable, initial := range map[string]string{"INFLUX_ORG": "ORG", "INFLUX_BUCKET": "BUCKET", "INFLUX_TOKEN": "ADMIN_TOKEN"} {
			want := *services["influxdb"].Environment["DOCKER_INFLUXDB_INIT_"+initial]
			assert.NotEmpty(t, want)
			assert.Equal(t, want, *services["bridge"].Environment[variable])
			assert.Equal(t, want, *services["grafana"].Environment[variable])
		}
	}
	services := load(t, append(own, "GRAFANA_INFLUX_TOKEN=reads")...).Services
	assert.Equal(t, "reads", *services["grafana"].Environment["INFLUX_TOKEN"])
	assert.Equal(t, "secret", *services["bridge"].Environment["INFLUX_TOKEN"])
	assert.Equal(t, "true", *services["bridge"].Environment["PYMON_ALLOW_ANONYMOUS"], "a trial needs no tokens")
}

// TestEnvExampleNamesEveryVariable checks that .env.example has the variables of docker-compose.yml and no other. It also
// checks that it has no secret of the trial.
func TestEnvExampleNamesEveryVariable(t *testing.T) {
	file, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	require.NoError(t, err)
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)`).FindAllSubmatch(file, -1) {
		used[string(m[1])] = true
	}
	example, err := os.ReadFile(filepath.Join(root, ".env.example"))
	require.NoError(t, err)
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=(.*)$`).FindAllSubmatch(example, -1) {
		named[string(m[1])] = true
		assert.NotContains(t, string(m[2]), "trial-only")
	}
	assert.Equal(t, used, named)
}
