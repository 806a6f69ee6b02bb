// Package harness runs the real programs for tests: the built bridge, an InfluxDB server, pytest with
// pytest-monitor, and load balancers. Only tests import it.
//
// No test skips. When a program is missing, the test fails with a sentence that names the make target for it.
//
// A value belongs to the test that made it. An error of the value fails this test, and the value ends with the test.
// [Main] in TestMain ends the values that all tests of a binary share.
package harness
