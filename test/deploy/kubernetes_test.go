package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what kustomize makes of a folder.
type manifests struct {
	Bridge  apps.StatefulSet
	Service core.Service
	Network networking.NetworkPolicy
	Monitor monitoring.ServiceMonitor
	Space   core.Namespace
	kinds   []string
}

// folders are those that people apply. base is a bridge without InfluxDB.
var folders = []string{"base", "example"}

// kustomize builds a folder of deploy/kubernetes as `kubectl apply -k` does. Unknown fields fail the test.
func kustomize(t *testing.T, folder string) *manifests {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "deploy", "kubernetes", folder))
	require.NoError(t, err)
	m := &manifests{}
	into := map[string]any{"StatefulSet": &m.Bridge, "Service": &m.Service, "NetworkPolicy": &m.Network, "ServiceMonitor": &m.Monitor,
		"Namespace": &m.Space}
	for _, one := range all.Resources() {
		text, err := one.AsYAML()
		require.NoError(t, err)
		require.Contains(t, into, one.GetKind())
		require.NoError(t, yaml.UnmarshalStrict(text, into[one.GetKind()]), "%s", text)
		m.kinds = append(m.kinds, one.GetKind())
	}
	return m
}

// container returns the container of the bridge.
func (m *manifests) container(t *testing.T) core.Container {
	t.Helper()
	require.Len(t, m.Bridge.Spec.Template.Spec.Containers, 1)
	return m.Bridge.Spec.Template.Spec.Containers[0]
}

// variables returns the environment of the bridge.
func (m *manifests) variables(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, v := range m.container(t).Env {
		assert.NotContains(t, all, v.Name, "twice")
		all[v.Name] = v.Value
	}
	return all
}

func TestKustomizeBuildsTheManifests(t *testing.T) {
	base, example := kustomize(t, "base"), kustomize(t, "example")
	assert.ElementsMatch(t, []string{"StatefulSet", "Service", "NetworkPolicy"}, base.kinds)
	assert.ElementsMatch(t, []string{"StatefulSet", "Service", "NetworkPolicy", "ServiceMonitor", "Namespace"}, example.kinds)
	assert.Equal(t, "pymon-bridge", example.Bridge.Namespace)
	assert.Equal(t, example.Bridge.Namespace, example.Space.Name)
	assert.Equal(t, string(api.LevelRestricted), example.Space.Labels[api.EnforceLevelLabel])
	assert.Equal(t, "http://influxdb.influxdb:8086", example.variables(t)["INFLUX_URL"], "what the example sets")
	assert.Equal(t, "my-org", example.variables(t)["INFLUX_ORG"], "what the example sets")
	assert.Equal(t, "registry.example.org/pymon-bridge:"+programVersion(t), example.container(t).Image)
	assert.Equal(t, "50Gi", example.Bridge.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String())

	text, err := os.ReadFile(filepath.Join(root, "deploy/kubernetes/influxdb/secret.example.yaml"))
	require.NoError(t, err)
	var secret core.Secret
	require.NoError(t, yaml.UnmarshalStrict(text, &secret))
	file := example.variables(t)["INFLUX_TOKEN_FILE"]
	assert.Contains(t, secret.StringData, filepath.Base(file))
	for _, v := range example.Bridge.Spec.Template.Spec.Volumes {
		if v.Secret != nil {
			assert.Equal(t, secret.Name, v.Secret.SecretName)
			assert.Equal(t, filepath.Dir(file), mounted(t, example, v.Name))
		}
	}
}

// programVersion returns the version in version.go.
func programVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "cmd/pymon-bridge/version.go"))
	require.NoError(t, err)
	m := regexp.MustCompile(`const version = "(.+)"`).FindSubmatch(text)
	require.NotNil(t, m)
	return string(m[1])
}

// mounted returns where the bridge has a volume.
func mounted(t *testing.T, m *manifests, volume string) string {
	t.Helper()
	for _, mount := range m.container(t).VolumeMounts {
		if mount.Name == volume {
			return mount.MountPath
		}
	}
	require.Fail(t, "not mounted", volume)
	return ""
}

// Two bridges never share a file, and a pod that is deleted leaves its file.
func TestTheBridgeHasItsVolume(t *testing.T) {
	for _, folder := range folders {
		m := kustomize(t, folder)
		require.NotNil(t, m.Bridge.Spec.Replicas)
		assert.EqualValues(t, 1, *m.Bridge.Spec.Replicas)
		require.Len(t, m.Bridge.Spec.VolumeClaimTemplates, 1)
		claim := m.Bridge.Spec.VolumeClaimTemplates[0]
		assert.Equal(t, []core.PersistentVolumeAccessMode{core.ReadWriteOnce}, claim.Spec.AccessModes)
		assert.Equal(t, m.variables(t)["PYMON_DATA"], mounted(t, m, claim.Name))
		retain := apps.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: apps.RetainPersistentVolumeClaimRetentionPolicyType,
			WhenScaled: apps.RetainPersistentVolumeClaimRetentionPolicyType}
		assert.Equal(t, retain, *m.Bridge.Spec.PersistentVolumeClaimRetentionPolicy)

		volumes := map[string]bool{claim.Name: true}
		for _, v := range m.Bridge.Spec.Template.Spec.Volumes {
			volumes[v.Name] = true
		}
		for _, mount := range m.container(t).VolumeMounts {
			assert.True(t, volumes[mount.Name], "%s has no volume", mount.Name)
			delete(volumes, mount.Name)
		}
		assert.Empty(t, volumes, "a volume that is mounted nowhere")
	}
}

func TestPortsAndSelectorsAgree(t *testing.T) {
	for _, folder := range folders {
		m := kustomize(t, folder)
		require.Len(t, m.container(t).Ports, 1)
		port := m.container(t).Ports[0]
		assert.Equal(t, m.variables(t)["PYMON_LISTEN"], fmt.Sprintf(":%d", port.ContainerPort))
		require.Len(t, m.Service.Spec.Ports, 1)
		assert.Equal(t, port.Name, m.Service.Spec.Ports[0].TargetPort.StrVal)
		assert.True(t, m.Service.Spec.PublishNotReadyAddresses, "a full disk answers 503, which is better than a refused connection")
		assert.Equal(t, m.Service.Name, m.Bridge.Spec.ServiceName)
		require.Len(t, m.Network.Spec.Ingress, 1)
		assert.Equal(t, port.Name, m.Network.Spec.Ingress[0].Ports[0].Port.StrVal)

		pod := labels.Set(m.Bridge.Spec.Template.Labels)
		for _, selector := range []*v1.LabelSelector{m.Bridge.Spec.Selector, {MatchLabels: m.Service.Spec.Selector}, &m.Network.Spec.PodSelector} {
			s, err := v1.LabelSelectorAsSelector(selector)
			require.NoError(t, err)
			assert.False(t, s.Empty())
			assert.True(t, s.Matches(pod), s.String())
		}
		for _, name := range strings.Split(m.variables(t)["PYMON_HOST_NAME"], ",") {
			assert.Regexp(t, `^`+m.Service.Name+`($|\.)`, name)
		}
	}
	m := kustomize(t, "example")
	s, err := v1.LabelSelectorAsSelector(&m.Monitor.Spec.Selector)
	require.NoError(t, err)
	assert.True(t, s.Matches(labels.Set(m.Service.Labels)))
	require.Len(t, m.Monitor.Spec.Endpoints, 1)
	assert.Equal(t, m.Service.Spec.Ports[0].Name, m.Monitor.Spec.Endpoints[0].Port)
	assert.Equal(t, "/-/metrics", m.Monitor.Spec.Endpoints[0].Path)
	assert.Equal(t, jobOfRules(t), m.Service.Name, "the operator names the job after the service")
}

// jobOfRules returns the job that the alert rules are about.
func jobOfRules(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/prometheus/pymon-bridge.rules.yml"))
	require.NoError(t, err)
	m := regexp.MustCompile(`up\{job="([^"]+)"\}`).FindSubmatch(text)
	require.NotNil(t, m)
	return string(m[1])
}

// TestProbes: a restart mends nothing but a process that does not answer, and a migration of the file takes its time.
func TestProbes(t *testing.T) {
	stop := programFlags(t).defaults["stop-after"]
	for _, folder := range folders {
		m := kustomize(t, folder)
		c := m.container(t)
		for path, probe := range map[string]*core.Probe{"/-/healthy": c.LivenessProbe, "/-/ready": c.ReadinessProbe} {
			require.NotNil(t, probe)
			assert.Equal(t, path, probe.HTTPGet.Path)
			assert.Equal(t, c.Ports[0].Name, probe.HTTPGet.Port.StrVal)
		}
		start := c.StartupProbe
		require.NotNil(t, start)
		assert.Equal(t, "/-/healthy", start.HTTPGet.Path)
		assert.Equal(t, c.Ports[0].Name, start.HTTPGet.Port.StrVal)
		assert.GreaterOrEqual(t, time.Duration(start.PeriodSeconds*start.FailureThreshold)*time.Second, time.Hour)
		assert.Equal(t, stop, m.variables(t)["PYMON_STOP_AFTER"])
		grace := time.Duration(*m.Bridge.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		assert.Greater(t, grace, duration(t, stop)+5*time.Second)
	}
}

// TestPodIsRestricted checks the pod with Kubernetes' own checks of its strictest Pod Security Standard.
func TestPodIsRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	require.NoError(t, err)
	for _, folder := range folders {
		pod := kustomize(t, folder).Bridge.Spec.Template
		for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec) {
			assert.True(t, result.Allowed, "%s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
		c := pod.Spec.Containers[0]
		assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
		assert.False(t, *pod.Spec.AutomountServiceAccountToken)
		user, group := dockerUser(t)
		assert.Equal(t, user, *pod.Spec.SecurityContext.RunAsUser)
		assert.Equal(t, group, *pod.Spec.SecurityContext.RunAsGroup)
		assert.Equal(t, group, *pod.Spec.SecurityContext.FSGroup)
	}
}

// dockerUser returns the user and group of the image.
func dockerUser(t *testing.T) (user, group int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^USER (\d+):(\d+)$`).FindSubmatch(text)
	require.NotNil(t, m)
	return number(t, string(m[1])), number(t, string(m[2]))
}

// TestVariablesOfThePodAreFlags: the program would silently ignore a misspelt variable.
func TestVariablesOfThePodAreFlags(t *testing.T) {
	known := programFlags(t)
	for _, folder := range folders {
		m := kustomize(t, folder)
		variables := m.variables(t)
		for name := range variables {
			if name != "POD_NAMESPACE" && name != "GOMEMLIMIT" { // one for the others, and one of Go's runtime
				assert.True(t, known.reads(name), name)
			}
		}
		limits := m.container(t).Resources.Limits
		memory := limits.Memory().Value()
		assert.EqualValues(t, memory/4*3>>20, number(t, strings.TrimSuffix(variables["GOMEMLIMIT"], "MiB")))
	}
}
