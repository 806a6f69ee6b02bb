package compose_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stages parses the Dockerfile as BuildKit does. It fails the test for every warning of BuildKit.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	parsed, err := parser.Parse(f)
	require.NoError(t, err)
	assert.Empty(t, parsed.Warnings)
	all, _, err := instructions.Parse(parsed.AST, nil)
	require.NoError(t, err)
	return all
}

func finalStage(t *testing.T) instructions.Stage {
	t.Helper()
	all := stages(t)
	return all[len(all)-1]
}

// find returns the commands of one kind in a stage.
func find[C instructions.Command](s instructions.Stage) []C {
	var all []C
	for _, c := range s.Commands {
		if c, ok := c.(C); ok {
			all = append(all, c)
		}
	}
	return all
}

// environment returns the names of the environment variables that a command sets in the image.
func environment(c instructions.Command) []string {
	var names []string
	if env, ok := c.(*instructions.EnvCommand); ok {
		for _, pair := range env.Env {
			names = append(names, pair.Key)
		}
	}
	return names
}

func TestDockerfileBuildsAStaticProgram(t *testing.T) {
	all := stages(t)
	require.Len(t, all, 2)
	assert.Regexp(t, `^golang:1\.26\.\d+-alpine$`, all[0].BaseName)
	assert.Equal(t, "build", all[0].Name)
	var build string
	for _, run := range find[*instructions.RunCommand](all[0]) {
		build += run.CmdLine[0] + "\n"
	}
	for _, part := range []string{"CGO_ENABLED=0", "-trimpath", "-tags timetzdata", `-ldflags "-s -w"`, "./cmd/pymon-bridge"} {
		assert.Contains(t, build, part)
	}
}

// TestDockerfileImageIsMinimal checks that the image has only the program and its needs, and that it does not run as root.
func TestDockerfileImageIsMinimal(t *testing.T) {
	final := finalStage(t)
	assert.Equal(t, "scratch", final.BaseName)
	assert.Empty(t, find[*instructions.RunCommand](final))
	users := find[*instructions.UserCommand](final)
	require.Len(t, users, 1)
	assert.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, users[0].User)
	assert.Equal(t, load(t).Services["bridge"].User, users[0].User, "docker-compose.yml has the same user")
	copies := find[*instructions.CopyCommand](final)
	require.Len(t, copies, 3)
	for _, c := range copies {
		assert.Equal(t, "build", c.From)
	}
	assert.Equal(t, "/etc/ssl/certs/ca-certificates.crt", copies[0].DestPath)
	assert.Empty(t, copies[1].Chown, "the program belongs to root, so that it cannot replace itself")
	assert.Equal(t, users[0].User, copies[2].Chown, "the data directory belongs to the user")
	entry := find[*instructions.EntrypointCommand](final)
	require.Len(t, entry, 1)
	assert.Equal(t, []string{copies[1].DestPath}, []string(entry[0].CmdLine))
	assert.False(t, entry[0].PrependShell, "the image has no shell")
}

func TestDockerfileDeclaresHealthPortAndData(t *testing.T) {
	final := finalStage(t)
	health := find[*instructions.HealthCheckCommand](final)
	require.Len(t, health, 1)
	assert.Equal(t, []string{"CMD", "/pymon-bridge", "healthcheck"}, health[0].Health.Test)
	expose := find[*instructions.ExposeCommand](final)
	require.Len(t, expose, 1)
	assert.Equal(t, []string{"8080"}, expose[0].Ports)
	volumes := find[*instructions.VolumeCommand](final)
	require.Len(t, volumes, 1)
	assert.Equal(t, []string{"/data"}, volumes[0].Volumes)
	assert.Equal(t, "/data", load(t).Services["bridge"].Volumes[0].Target)
}

// ignore returns a function that reports whether .dockerignore excludes a path. It reads the file as BuildKit does.
func ignore(t *testing.T) func(path string) bool {
	t.Helper()
	f, err := os.Open(filepath.Join(root, ".dockerignore"))
	require.NoError(t, err)
	defer func() { assert.NoError(t, f.Close()) }()
	patterns, err := ignorefile.ReadAll(f)
	require.NoError(t, err)
	matcher, err := patternmatcher.New(patterns)
	require.NoError(t, err)
	return func(path string) bool {
		ignored, err := matcher.MatchesOrParentMatches(path)
		require.NoError(t, err)
		return ignored
	}
}
