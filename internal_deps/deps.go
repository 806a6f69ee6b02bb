// Package deps holds requirements while the packages that need them are being written.
package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/coreos/go-systemd/v22/activation"
	_ "github.com/dgraph-io/ristretto/v2"
	_ "github.com/gin-gonic/gin"
	_ "github.com/hashicorp/golang-lru/v2"
	_ "github.com/hashicorp/golang-lru/v2/simplelru"
	_ "github.com/influxdata/influxdb-client-go/v2"
	_ "github.com/influxdata/line-protocol"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/testutil"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/stretchr/testify/assert"
	_ "github.com/stretchr/testify/require"
	_ "golang.org/x/net/netutil"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sync/singleflight"
	_ "golang.org/x/sys/unix"
	_ "modernc.org/sqlite"
	_ "modernc.org/sqlite/lib"
	_ "pgregory.net/rapid"
	_ "gopkg.in/yaml.v3"
	_ "github.com/cenkalti/backoff/v5"
)
