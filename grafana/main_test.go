package grafana_test

import (
	"os"
	"testing"

	"pymon-bridge/test/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
