package plugin_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pymon-bridge/test/harness"
)

// TestTestsMayReplaceTheFilesOfPython has fixtures that replace the functions which read files. Tests find no call but
// their own, and memory is measured all the same.
func TestTestsMayReplaceTheFilesOfPython(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import os, pytest
from unittest import mock

@pytest.fixture(params=["builtins.open", "io.open", "os.open", "os.read", "os.write", "os.close"])
def replaced(request):
    with mock.patch(request.param, side_effect=OSError("no files here")) as fake:
        yield
        assert not fake.called

def test_40(replaced):
    block = bytearray(40 * 2**20)

@pytest.fixture
def invented():
    with mock.patch("builtins.open", mock.mock_open(read_data=b"VmHWM: 1 kB")):
        yield

def test_invented(invented):
    block = bytearray(40 * 2**20)
`})
	server := record(t)
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
	assert.Len(t, server.tests(t), 7)
	for id, test := range server.tests(t) {
		assert.InDelta(t, 40, test.number("mem_test"), 1, id)
	}
}

// TestAFailureToReadMemoryLosesMemoryAlone lets the kernel's record fail in one test. Its times are kept.
func TestAFailureToReadMemoryLosesMemoryAlone(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{"test_it.py": `
import pymon_bridge

def test_it(monkeypatch):
    monkeypatch.setattr(pymon_bridge.Memory, "peak", lambda self: 1 / 0)
    assert 0
`})
	server := record(t)
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 1, run.ExitCode, run.Output())
	test := server.tests(t)["test_it.py::test_it"]
	assert.Positive(t, test.number("total_time"))
	assert.Nil(t, test["mem_test"])
	assert.Nil(t, test["mem_usage"])
}

// TestNothingIsSentWithinATest has a plugin that bounds the time of each test with its reports, as pytest-timeout does. A
// slow bridge must not use that time up.
func TestNothingIsSentWithinATest(t *testing.T) {
	t.Parallel()
	dir := suite(t, map[string]string{
		"conftest.py": `
import pytest
import pymon_bridge

within = []
real = pymon_bridge.Client.post

def post(*args):
    assert not within, "a request within a test"
    return real(*args)

pymon_bridge.Client.post = post

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    within.append(1)
    yield
    within.clear()
`,
		"test_it.py": "import pytest\n@pytest.mark.parametrize('n', range(120))\ndef test_it(n):\n    pass\n"})
	server := record(t)
	run := harness.Pytest{Python: harness.Plugin92, Suite: dir, Args: []string{"-p", "pymon_bridge", "--remote-server", server.URL},
		Env: []string{"PYTHONPATH=" + loaded(t)}}.Run(t)
	assert.Equal(t, 0, run.ExitCode, run.Output())
	assert.NotContains(t, run.Output(), "pymon-bridge:", "a warning")
	assert.Len(t, server.tests(t), 120)
}
