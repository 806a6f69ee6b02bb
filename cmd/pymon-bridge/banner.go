package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"

	"pymon-bridge/monitor"
)

// announce tells the person at the terminal, programs that read the port file, and the service manager that the bridge serves.
func (c *serveCmd) announce(m *Main, b *bridge, s socket) error {
	url := baseURL(s.listener, c.TLSCert != "")
	c.present(m, b, s, url)
	if c.PortFile != "" {
		err := writeFile(c.PortFile, url+"\n")
		switch {
		case err != nil && s.from != nil: // clients know the address
			b.logger.Error("--port-file: the address of the bridge is not written anew", "error", err)
		case err != nil:
			return fmt.Errorf("--port-file: %w", err)
		}
	}
	b.notify(daemon.SdNotifyReady)
	return nil
}

// present prints where the bridge listens, stores and delivers, and the next command to type. A log for programs gets one line.
func (c *serveCmd) present(m *Main, b *bridge, s socket, url string) {
	l := s.listener
	data, err := filepath.Abs(c.Data)
	if err != nil {
		data = c.Data
	}
	delivers := "nowhere yet: with INFLUX_URL, INFLUX_TOKEN and INFLUX_ORG it delivers to InfluxDB, older records too"
	if b.backend != nil {
		delivers = string(b.backend.Destination())
	}
	if !m.banner {
		b.logger.Info("serving", "version", version, "url", url, "address", l.Addr().String(), "handed_over", s.outlives || s.from != nil,
			"data", data, "delivers_to", delivers, "tokens", len(b.tokens.Valid))
		return
	}
	clients, remote := "everybody on this machine", url
	access := b.tokens.Access()
	switch {
	case access == monitor.AccessClosed:
		clients = "nobody, since all tokens are revoked (pymon-bridge token add PROJECT)"
	case access == monitor.AccessTokens:
		clients = "holders of a token"
	case !loopback(l):
		clients = "everybody who can reach it (--allow-anonymous)"
	}
	if access != monitor.AccessOpen {
		remote = strings.Replace(url, "://", "://x:TOKEN@", 1)
	}
	if c.RequireProject {
		remote += "/p/PROJECT"
	}
	writeBanner(m.Stderr, [][2]string{
		{"listens on", url + ", for " + clients}, {"stores in", data}, {"delivers to", delivers}}, remote)
}

// writeBanner prints the lines, and the commands to type next.
func writeBanner(w io.Writer, lines [][2]string, remote string) {
	fmt.Fprintf(w, "\npymon-bridge %s\n\n", version)
	for _, line := range lines {
		fmt.Fprintf(w, "  %-12s %s\n", line[0], line[1])
	}
	fmt.Fprintf(w, "\nIn your Python project, where pymon-bridge is installed, or else pytest-monitor (pip install pytest-monitor 'pytest<9.2'):\n\n  pytest --remote-server %s\n\n", remote)
}

// notify tells the service manager a state, where there is one that wants to know it (systemd's Type=notify).
func (b *bridge) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		b.logger.Warn("cannot tell the service manager how the bridge is", "state", state, "error", err)
	}
}
