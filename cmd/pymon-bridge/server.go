package main

import (
	"net"
	"os"
	"slices"

	"pymon-bridge/api"
	"pymon-bridge/httpd"
	"pymon-bridge/ingest"
	"pymon-bridge/report"
	"pymon-bridge/web"
)

// openServer serves all routes on l.
func (b *bridge) openServer(l net.Listener) error {
	auth := httpd.NewAuthenticator(b.db, b.logger)
	auth.AllowAnonymous = b.config.AllowAnonymous || loopback(l)
	auth.OnUse = b.db.TokenUsed
	if b.access != nil { // of a kind without IDs
		auth = httpd.NewAuthenticator(b.access, b.logger)
	}
	b.server = httpd.New(auth, b.logger)
	b.server.MaxConns = b.config.MaxConnections
	b.server.HandedOver = b.upgrader.socket.outlives
	b.server.CertFile, b.server.KeyFile = b.config.TLSCert, b.config.TLSKey
	b.server.RequireProject = b.config.RequireProject
	b.server.HostNames, b.server.PublicURL = slices.Clone(b.config.HostName), b.config.PublicURL
	if name, err := os.Hostname(); err == nil {
		b.server.HostNames = append(b.server.HostNames, name) // no web page can have this name
	}
	for _, proxies := range b.config.TrustedProxy {
		b.server.TrustedProxies = append(b.server.TrustedProxies, proxies.Prefix)
	}
	b.server.OnRefused = b.metrics.Refused
	b.server.OnRequest = b.metrics.Request
	b.metrics.WatchConnections(b.server.Connections)
	b.metrics.WatchHealth(b.health())
	b.metrics.MinFree(int64(b.config.MinFree))
	if b.config.TLSCert != "" {
		b.metrics.WatchCertificate(b.server.CertificateExpiry)
	}
	b.mountIngest()
	reads := b.mountAPI()
	b.mountPages(reads)
	if err := b.server.Open(l); err != nil {
		return err
	}
	b.onClose(b.server.Close)
	go func() { // ends with the server
		if err := b.server.Wait(); err != nil {
			b.failed <- err
		}
	}()
	return nil
}

// mountIngest adds the routes that accept records, and the routes for operators.
func (b *bridge) mountIngest() {
	handler := ingest.New(ingest.Parts{Journal: watchedAppender{b.committer, b.runs, b.metrics}, Import: b.committer,
		Try: tryAppender{b.db}, Projects: b.db, Cache: b.cache, Health: b.health(), Metrics: b.metrics.Handler(), Log: b.logger})
	handler.MaxBody = int64(b.config.MaxBody)
	handler.OnAccepted = b.metrics.Accepted
	handler.Mount(b.server)
}

// mountAPI adds the read routes. The local file answers them.
func (b *bridge) mountAPI() *api.API {
	reads := api.New(api.Parts{Store: b.db, Metadata: b.cache, Judge: b.judge, Reports: b.db, Drift: b.db, Accepter: b.accepter,
		Printer: report.PrinterOf, Log: b.logger})
	reads.PageSize = int64(b.config.PageSize)
	reads.Turns.Rest = b.rest(mostReadingRest)
	reads.Mount(b.server)
	return reads
}

// mountPages adds the pages for people. Their reads take turns with those of the API.
func (b *bridge) mountPages(reads *api.API) {
	pages := web.New(web.Parts{Store: b.db, Words: report.Words{}, Detector: b.detector, Accepter: b.accepter, Turns: reads.Turns,
		Version: version, Log: b.logger})
	pages.Quiet = b.config.QuietAfter
	pages.Condition = b.condition
	pages.Mount(b.server)
}
