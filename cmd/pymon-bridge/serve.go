package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/mattn/go-isatty"

	"pymon-bridge/httpd"
	"pymon-bridge/monitor"
)

// serveCmd has the flags of a serving bridge.
type serveCmd struct {
	dataFlags
	Keep     keptAge  `group:"Storage" help:"Remove runs that are older than this from the local file, such as 400d, once InfluxDB has them. Without InfluxDB they are gone. The newest 60 commits' runs of each branch and class of machine stay, while the branch has runs; 0 for no limit." default:"0" env:"PYMON_KEEP"`
	MaxBytes byteSize `group:"Storage" help:"Remove the oldest runs that InfluxDB has when the local file and its log come near this size, and refuse new measurements when they have reached it; 0 for no limit." default:"0" env:"PYMON_MAX_BYTES"`
	MinFree  byteSize `group:"Storage" help:"Refuse new measurements when the disk has less free space than this." default:"256MiB" env:"PYMON_MIN_FREE"`

	Listen         string         `group:"Network" help:"Address to listen on. A socket from systemd takes precedence." default:"127.0.0.1:8080" env:"PYMON_LISTEN"`
	Check          bool           `group:"Network" help:"Say whether this program could serve with these flags, and end. It changes nothing, also beside a serving bridge. The exit status is 3 when the file has an older version." env:"PYMON_CHECK"`
	PortFile       string         `group:"Network" help:"Write the address of the bridge to this file when it serves. Meant for port 0." placeholder:"FILE" env:"PYMON_PORT_FILE"`
	AllowAnonymous bool           `group:"Network" help:"Serve without tokens, also on an address that other machines can reach. After the first token every request needs one, also when all are revoked." env:"PYMON_ALLOW_ANONYMOUS"`
	RequireProject bool           `group:"Network" help:"Refuse requests that name no project, neither by /p/PROJECT in the address nor by a token. Meant for bridges behind one load balancer." env:"PYMON_REQUIRE_PROJECT"`
	HostName       []string       `group:"Network" help:"Name of this machine in addresses of the bridge; repeatable. While no token is needed, the bridge answers only to localhost, IP addresses, these names, and the host of the public URL." placeholder:"NAME" env:"PYMON_HOST_NAME"`
	PublicURL      *url.URL       `group:"Network" help:"Address of the bridge for clients behind a proxy, such as https://ci.example.org/pymon/." placeholder:"URL" env:"PYMON_PUBLIC_URL"`
	TrustedProxy   []addressRange `group:"Network" help:"Addresses of proxies, such as 10.0.0.5 or 10.0.0.0/8; repeatable. The bridge believes X-Forwarded-For and X-Forwarded-Prefix from them only." placeholder:"ADDRESS" env:"PYMON_TRUSTED_PROXY"`
	TLSCert        string         `group:"Network" help:"Certificate chain in PEM. The bridge reads it again when it changes." placeholder:"FILE" env:"PYMON_TLS_CERT"`
	TLSKey         string         `group:"Network" help:"Private key of the certificate in PEM." placeholder:"FILE" env:"PYMON_TLS_KEY"`
	MaxBody        byteSize       `group:"Network" help:"Largest request body." default:"4MiB" env:"PYMON_MAX_BODY"`
	MaxConnections int            `group:"Network" help:"Most connections at the same time. Above it, the connection whose client is furthest behind is closed." default:"1024" env:"PYMON_MAX_CONNECTIONS"`
	StopAfter      time.Duration  `group:"Network" help:"How long a stopping bridge may take to answer requests and to deliver accepted records." default:"10s" env:"PYMON_STOP_AFTER"`

	PageSize int `group:"Reading" help:"Number of elements on one page of a list." default:"500" env:"PYMON_PAGE_SIZE"`

	influxFlags
	profileFlags

	ClientTimezone string        `group:"Interpretation" help:"Time zone of all clients, such as Europe/Paris. Without this flag the bridge finds the zone of a session from the time of its arrival." placeholder:"ZONE" env:"PYMON_CLIENT_TIMEZONE"`
	QuietAfter     time.Duration `group:"Interpretation" help:"A run has ended when none of its records arrived for this long." default:"5m" env:"PYMON_QUIET_AFTER"`
	Judge          bool          `group:"Interpretation" help:"Judge each run when it has ended. Keep and deliver the report." default:"true" negatable:"" env:"PYMON_JUDGE"`
	JudgeSettings  string        `group:"Interpretation" help:"JSON file with settings of the detector that differ from the defaults. docs/regressions.md explains them." placeholder:"FILE" env:"PYMON_JUDGE_SETTINGS"`
}

// influxFlags name the destination. Where InfluxDB's own tools have a variable, the flag has the same variable.
type influxFlags struct {
	URL        string `name:"influx-url" group:"InfluxDB" help:"Address of InfluxDB v2. Without it the command serve only keeps measurements." placeholder:"URL" env:"INFLUX_URL"`
	Token      string `name:"influx-token" group:"InfluxDB" help:"API token. It is safer in the environment variable, or in the file that INFLUX_TOKEN_FILE names." placeholder:"TOKEN" env:"INFLUX_TOKEN" file:"" type:"secret"`
	Org        string `name:"influx-org" group:"InfluxDB" help:"Organisation in InfluxDB." placeholder:"NAME" env:"INFLUX_ORG"`
	Bucket     string `name:"influx-bucket" group:"InfluxDB" help:"Bucket of the measurements. A missing bucket is created, if the token allows it." default:"pytest" env:"INFLUX_BUCKET"`
	MetaBucket string `name:"influx-meta-bucket" group:"InfluxDB" help:"Bucket of contexts and sessions. A missing bucket is created, if the token allows it." default:"pytest_meta" env:"PYMON_META_BUCKET"`
}

// validate checks what the types of the fields cannot check.
func (f influxFlags) validate() error {
	if f.URL == "" {
		return nil
	}
	if _, ok := webAddress(f.URL); !ok {
		return errors.New("--influx-url: expected an address such as http://localhost:8086")
	}
	switch "" {
	case f.Token:
		return errors.New("--influx-token: expected an API token, because --influx-url is set")
	case f.Org:
		return errors.New("--influx-org: expected an organisation, because --influx-url is set")
	case f.Bucket:
		return errors.New("--influx-bucket: expected the name of a bucket")
	case f.MetaBucket:
		return errors.New("--influx-meta-bucket: expected the name of a bucket")
	}
	if f.Bucket == f.MetaBucket {
		return errors.New("--influx-meta-bucket: expected another bucket than --influx-bucket, which may have a retention")
	}
	return nil
}

func (c *serveCmd) Validate() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key: expected both or none")
	}
	if err := c.validateNames(); err != nil {
		return err
	}
	if c.MaxBody < 1024 {
		return errors.New("--max-body: expected at least 1KiB")
	}
	if c.MaxConnections < 1 {
		return errors.New("--max-connections: expected at least 1")
	}
	if c.PageSize < 1 {
		return errors.New("--page-size: expected at least 1")
	}
	if c.QuietAfter <= 0 {
		return errors.New("--quiet-after: expected a duration above zero")
	}
	if _, err := c.zones(); err != nil {
		return err
	}
	return c.influxFlags.validate()
}

// validateNames checks the names that clients may call the bridge by.
func (c *serveCmd) validateNames() error {
	for _, name := range c.HostName {
		if (&url.URL{Host: name}).Hostname() != name || strings.ContainsAny(name, ":/@") {
			return fmt.Errorf("--host-name: expected a name without scheme and port, such as bridge, got %q", name)
		}
	}
	u := c.PublicURL
	if u == nil || *u == (url.URL{}) { // an empty variable
		c.PublicURL = nil
		return nil
	}
	u.Host = strings.Replace(u.Host, u.Hostname(), strings.TrimSuffix(u.Hostname(), "."), 1)
	const wanted = "--public-url: expected an address such as https://ci.example.org/pymon/"
	if u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !httpd.ValidPrefix(strings.TrimSuffix(u.EscapedPath(), "/")) {
		return errors.New(wanted)
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" { // everybody sees it in links
		return errors.New(wanted + ", without user, password, query and fragment")
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16); err != nil || u.Port() == "0" {
		return fmt.Errorf("%s, with a port up to 65535, got %q", wanted, u.Port())
	}
	return nil
}

// zones returns the time zones of the clients.
func (c *serveCmd) zones() (monitor.Zones, error) {
	zones := monitor.Zones{Server: time.Local}
	if c.ClientTimezone == "" {
		return zones, nil
	}
	fixed, err := time.LoadLocation(c.ClientTimezone)
	if err != nil {
		return zones, fmt.Errorf("--client-timezone: expected a name of the IANA database, such as Europe/Paris: %w", err)
	}
	zones.Fixed = fixed
	return zones, nil
}

// reservedHeap is memory that nothing uses. It takes none of the machine's memory, since nothing touches it. But the garbage
// collector counts it, and lets as much gather again before it runs. The heap of an idle bridge has 4 MB. Without the
// reserve, readers of lists make the collector run 20 times a second, and posts wait for it.
const reservedHeap = 20 << 20

func (*serveCmd) Help() string {
	return `
    pymon-bridge serve                                    # for this machine
    pymon-bridge serve --listen 0.0.0.0:8080 --data /var/lib/pymon-bridge
    pymon-bridge serve --influx-url http://localhost:8086 --influx-org shop`
}

// Run serves until ctx is done, then stops gracefully. SIGHUP does not stop it, unless it says that the terminal was
// closed. After SIGUSR2 the program in the file that this one was started from takes its place.
func (c *serveCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	if c.Check {
		return c.check(ctx, m, logger)
	}
	b := newBridge(c, logger)
	return b.upgrader.Close(ctx, c.serve(ctx, m, b))
}

// serve serves until ctx is done, or until another program can take the place of this one.
func (c *serveCmd) serve(ctx context.Context, m *Main, b *bridge) (err error) {
	setRuntime()
	defer runtime.KeepAlive(make([]byte, reservedHeap))
	hangup := make(chan os.Signal, 1)
	if isatty.IsTerminal(os.Stderr.Fd()) {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	} else {
		signal.Notify(hangup, syscall.SIGHUP)
		defer signal.Stop(hangup)
	}
	endProfile, err := c.profileFlags.start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endProfile()) }()
	s, err := listen(c.Listen)
	if err != nil {
		return err
	}
	b.upgrader.Open(s)
	b.follow(m.files, &m.level)
	m.bridge.Store(new(c.address(s.listener)))
	if err := b.Open(ctx, s.listener); err != nil {
		return b.upgrader.goBack(err)
	}
	b.upgrader.serving(ctx)
	if err = c.announce(m, b, s); err == nil {
		err = b.wait(ctx, hangup)
	}
	return errors.Join(err, b.stop(ctx))
}

// stop closes the bridge, for good or so that another program can take its place. None does when ctx is done meanwhile.
func (b *bridge) stop(ctx context.Context) (err error) {
	end := time.Now().Add(b.config.StopAfter)
	if b.upgrader.next == nil {
		b.notify(daemon.SdNotifyStopping)
	} else {
		end, err = b.makeWay(ctx, end)
	}
	stopping, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	err = errors.Join(err, b.Close(stopping))
	if ctx.Err() != nil {
		b.upgrader.next = nil
	}
	return err
}

// guard returns an error when anybody on other machines could use the bridge, unless a flag allows it. It logs a warning
// when nobody can use the bridge, because all tokens are revoked.
func (c *serveCmd) guard(l net.Listener, access monitor.Access, logger *slog.Logger) error {
	switch {
	case access == monitor.AccessClosed:
		logger.Warn("all tokens are revoked, so nobody can use the bridge: make one with "+
			"`pymon-bridge token add PROJECT`", "data", c.Data)
		return nil
	case access == monitor.AccessTokens || c.AllowAnonymous || loopback(l):
		return nil
	}
	return fmt.Errorf("other machines can reach %s, and there are no tokens: make one with "+
		"`pymon-bridge token add PROJECT --data %s`, or use --allow-anonymous, or listen on 127.0.0.1", l.Addr(), c.Data)
}
