// Package harness runs the real things that the tests are about: the built bridge, an InfluxDB server, pytest with
// pytest-monitor, and balancers. Only tests import it.
//
// Nothing here skips. What is missing fails the test with a sentence that says which make target provides it.
//
// Values are bound to the test that made them: they fail it, and they end with it. A [Main] in TestMain ends what a
// whole test binary shares.
package harness
